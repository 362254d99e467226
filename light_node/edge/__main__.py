"""The command of a device: ``python -m light_node.edge``; see ``docs/edge.md``."""

import sys

from light_node.cli.main import ATTEST, main

if __name__ == "__main__":
    sys.exit(main([ATTEST, *sys.argv[1:]]))
