"""Talks to a node: the embedded process, a typed client, the outbox that writes and the projector that reads."""
