"""Commands on masks: the network that makes them, and comparisons."""

from pathlib import Path

from ck19ml.cli.options import Config, Debug, Json, Set, overrides, show


def unet(
    config: Config = Path("experiments/unet.yaml"),
    set_: Set = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Train a U-Net that masks stained cells, on simulated wells, and register it."""
    from ck19ml.config import UnetConfig, load_config

    loaded = load_config(UnetConfig, config, overrides(set_))
    from ck19ml.workflows import unet as workflow

    show(json, workflow.unet_command(loaded))


def masks(
    config: Config = Path("experiments/masks.yaml"),
    set_: Set = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Compare all mask methods on simulated wells that none has seen, plain and degraded."""
    from ck19ml.config import MasksConfig, load_config

    loaded = load_config(MasksConfig, config, overrides(set_))
    from ck19ml.workflows import masks as workflow

    show(json, workflow.masks_command(loaded))


def masking(
    config: Config = Path("experiments/masking.yaml"),
    set_: Set = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Say whether masking helps: networks on whole and on masked images."""
    from ck19ml.config import MaskingConfig, load_config

    loaded = load_config(MaskingConfig, config, overrides(set_))
    from ck19ml.workflows import masking_effect

    show(json, masking_effect.masking_command(loaded))


def contact(
    config: Config = Path("experiments/contact.yaml"),
    set_: Set = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Show what overlap tells of true contacts: IoU, share of T cells, and beyond chance."""
    from ck19ml.config import ContactConfig, load_config

    loaded = load_config(ContactConfig, config, overrides(set_))
    from ck19ml.workflows import contact as workflow

    show(json, workflow.contact_command(loaded))
