"""One page about a run: what it was, what it scored, and what must be kept in mind."""
