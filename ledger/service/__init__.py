"""The use cases: what the command line and the API call."""
