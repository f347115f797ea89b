"""Configs of the commands: frozen, with unknown keys refused."""

from ck19ml.config.contact import ContactConfig as ContactConfig
from ck19ml.config.data import PrepareConfig as PrepareConfig
from ck19ml.config.data import SimulateConfig as SimulateConfig
from ck19ml.config.data import SplitConfig as SplitConfig
from ck19ml.config.loading import build_config as build_config
from ck19ml.config.loading import load_config as load_config
from ck19ml.config.loading import prepare_config as prepare_config
from ck19ml.config.loading import simulate_config as simulate_config
from ck19ml.config.masks import MaskingConfig as MaskingConfig
from ck19ml.config.masks import MasksConfig as MasksConfig
from ck19ml.config.masks import UnetConfig as UnetConfig
from ck19ml.config.networks import AutoencoderConfig as AutoencoderConfig
from ck19ml.config.networks import ClassifierConfig as ClassifierConfig
from ck19ml.config.networks import RegressorConfig as RegressorConfig
from ck19ml.config.pretraining import PretrainingConfig as PretrainingConfig
from ck19ml.config.tune import SpaceConfig as SpaceConfig
from ck19ml.config.tune import TuneConfig as TuneConfig
