"""Networks of the kinds that people ask about: with one fault each, or healthy."""
