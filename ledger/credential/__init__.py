"""Signed documents and who may open them: SD-JWT credentials, their binding to a place, capsules and grants.

Pure: keys, randomness and time are handed in. The one exception stands in ``grant``: HPKE draws its ephemeral key
inside the library.
"""
