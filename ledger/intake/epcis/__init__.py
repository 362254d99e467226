"""EPCIS 2.0 in JSON-LD: model, vocabulary, units, and what its events mean for single assets."""
