"""Where evidence comes from: files, servers, and nodes from whose answers it is built. None of them is believed."""
