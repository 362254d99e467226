"""Documents by their content: CIDs and CARs (pure), one port, a store in a folder and one in Kubo."""
