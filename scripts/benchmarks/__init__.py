"""Workloads of ``scripts/bench``."""
