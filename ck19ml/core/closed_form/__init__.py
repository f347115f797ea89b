"""Classifiers that are computed in one go: linear heads on the wells of a plate."""
