"""Layouts drawn as a grid in a spreadsheet."""
