"""Configs of the commands: frozen, with unknown keys refused."""

from ck19ml.config.base import SEED, Classes, Frozen, Seed
from ck19ml.config.contact import ContactConfig
from ck19ml.config.data import PrepareConfig, QualityConfig, SimulateConfig, SplitConfig
from ck19ml.config.loading import build_config, load_config, prepare_config
from ck19ml.config.masks import MaskingConfig, MasksConfig, UnetConfig
from ck19ml.config.networks import (
    MEMORY_GB,
    AutoencoderConfig,
    AutoencoderSettings,
    ClassifierConfig,
    FitConfig,
    HeadConfig,
    RegressorConfig,
)
from ck19ml.config.pretraining import PretrainingConfig
from ck19ml.config.tune import Range, SpaceConfig, TuneConfig

__all__ = [
    "MEMORY_GB",
    "SEED",
    "AutoencoderConfig",
    "AutoencoderSettings",
    "Classes",
    "ClassifierConfig",
    "ContactConfig",
    "FitConfig",
    "Frozen",
    "HeadConfig",
    "MaskingConfig",
    "MasksConfig",
    "PrepareConfig",
    "PretrainingConfig",
    "QualityConfig",
    "Range",
    "RegressorConfig",
    "Seed",
    "SimulateConfig",
    "SpaceConfig",
    "SplitConfig",
    "TuneConfig",
    "UnetConfig",
    "build_config",
    "load_config",
    "prepare_config",
]
