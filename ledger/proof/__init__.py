"""Pure proofs: bytes and values in, values out; no network, disk, clock or randomness."""
