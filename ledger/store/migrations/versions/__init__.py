"""One file a step, never changed after it was released."""
