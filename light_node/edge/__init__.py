"""Attest at the edge: a device flags, batches, signs, keeps and hands on its own readings; see ``docs/edge.md``."""
