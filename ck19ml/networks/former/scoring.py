"""Loader of models that were registered as ``ck19ml.scoring``."""

from ck19ml.networks.scorer import _load_pyfunc

__all__ = ["_load_pyfunc"]
