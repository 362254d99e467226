"""Read chain and documents again, compare them with the index, and name every difference."""
