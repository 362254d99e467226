"""The conformance interface: others' test vectors in, one JSON object a line; our answers out, one a line.

``python -m light_node.conformance``; docs/conformance.md says what each operation takes and gives.
"""
