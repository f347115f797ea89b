"""Instrument metadata of a plate: its images, wells, channels and the size of a pixel."""
