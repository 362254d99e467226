"""The light node: takes one evidence file and its own trust file, and decides alone, offline."""
