"""Plates on disk: file names, images, layouts and the dataset store."""
