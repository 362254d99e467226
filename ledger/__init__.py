"""Vinculum's ledger: the words, the pure proofs and rules, and the services over chain, store and IPFS."""
