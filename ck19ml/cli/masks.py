"""Commands on masks: the network that makes them, and comparisons."""

from ck19ml.cli.options import experiment

unet = experiment(
    "unet",
    "Train a U-Net that masks stained cells, on simulated wells, and register it.",
    "UnetConfig",
    "unet",
)
masks = experiment(
    "masks",
    "Compare all mask methods on held-out simulated wells, plain and degraded.",
    "MasksConfig",
    "masks",
)
masking = experiment(
    "masking",
    "Test whether masking helps: compare networks on whole and on masked images.",
    "MaskingConfig",
    "masking_effect",
)
contact = experiment(
    "contact",
    "Compare measures of overlap with true contacts: IoU, share of T cells, and beyond chance.",
    "ContactConfig",
    "contact",
)
