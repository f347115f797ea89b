"""Experiments on two-channel fluorescence plates of T cells and dendritic cells."""

__version__ = "0.2.0"

# MLflow imports the loader that a model names, and models registered by 0.1.0 name
# `ck19ml.scoring` or `ck19ml.mask_network`: both are found there.
__path__.append(f"{__path__[0]}/networks/former")
