"""The demonstration: every part at work on the examples, then forgeries, each refused with its own reason."""
