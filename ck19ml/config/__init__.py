"""Configs of the commands: frozen, with unknown keys refused."""

from ck19ml.config.contact import ContactConfig
from ck19ml.config.data import PrepareConfig, SimulateConfig, SplitConfig
from ck19ml.config.loading import build_config, load_config, prepare_config, simulate_config
from ck19ml.config.masks import MaskingConfig, MasksConfig, UnetConfig
from ck19ml.config.networks import AutoencoderConfig, ClassifierConfig, RegressorConfig
from ck19ml.config.pretraining import PretrainingConfig
from ck19ml.config.tune import SpaceConfig, TuneConfig

__all__ = [
    "AutoencoderConfig",
    "ClassifierConfig",
    "ContactConfig",
    "MaskingConfig",
    "MasksConfig",
    "PrepareConfig",
    "PretrainingConfig",
    "RegressorConfig",
    "SimulateConfig",
    "SpaceConfig",
    "SplitConfig",
    "TuneConfig",
    "UnetConfig",
    "build_config",
    "load_config",
    "prepare_config",
    "simulate_config",
]
