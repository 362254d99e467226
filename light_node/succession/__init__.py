"""Putting another trust file in place of the pinned one: what witnesses sign, and what a node remembers of it."""
