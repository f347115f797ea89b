"""Experiments on two-channel fluorescence plates of T cells and dendritic cells."""

__version__ = "0.1.0"
