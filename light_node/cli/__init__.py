"""The command `vinculum-light`: verifies, remembers, attests; needs nothing but the base distribution."""
