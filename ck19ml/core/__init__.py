"""Numeric core: pure numpy and scipy, every random draw from a generator that is passed in."""
