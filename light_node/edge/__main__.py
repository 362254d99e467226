"""The command of a device: ``python -m light_node.edge``; see ``docs/edge.md``."""

import sys

from light_node.edge.command import main

if __name__ == "__main__":
    sys.exit(main())
