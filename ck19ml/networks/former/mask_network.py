"""Loader of mask networks that were registered as ``ck19ml.mask_network``."""

from ck19ml.networks.mask_model import _load_pyfunc

__all__ = ["_load_pyfunc"]
