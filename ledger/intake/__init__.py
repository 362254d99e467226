"""Intake: untrusted bytes to a document of events, or every fault by its place."""
