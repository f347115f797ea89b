"""Plate layouts: which well received what."""
