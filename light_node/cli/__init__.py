"""The command `vinculum-light`: verifies, remembers, attests; needs nothing but the base distribution."""

from light_node.cli.lean import defer

defer("inspect")
defer("ipaddress")
