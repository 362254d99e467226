"""The command ``vinculum``."""
