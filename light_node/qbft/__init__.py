"""Finality by the seals of a QBFT engine's validators, and where the set of validators comes from. Pure."""
