"""Catena-X aspect models: parts, batches, as-built lists, whole twins, fleet and claim data."""
