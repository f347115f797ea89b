"""The meaning of a trial's parameters: a head, its input, and its training."""

from ck19ml.config import TuneConfig
from ck19ml.networks.settings import (
    ClassifierSettings,
    ClosedFormHead,
    FitSettings,
    HeadSettings,
)
from ck19ml.tuning import Parameters

HEAD = ("units", "depth", "dropout", "normalise", "pooled")
"""Parameters that are the softmax head's."""


def settings_of(config: TuneConfig, parameters: Parameters) -> ClassifierSettings:
    """Make the settings of a trial from its parameters."""
    kind, balanced = parameters["head"], parameters["class_weights"]
    if kind != "softmax":
        strength = {name: parameters[name] for name in ("strength",) if name in parameters}
        head = ClosedFormHead(kind=kind, balanced=balanced, **strength)
        return ClassifierSettings(source=parameters["source"], head=head)
    fine_tune = parameters["fine_tune"]
    first = FitSettings(
        epochs=config.epochs,
        batch_size=parameters["batch_size"],
        learning_rate=parameters["learning_rate"],
        patience=config.patience,
        least_steps=config.autoencoder.fit.least_steps,
    )
    # The whole network trains at a tenth of the rate, as encoder and head are already trained.
    whole = first.changed(epochs=config.fine_tune_epochs, learning_rate=first.learning_rate / 10)
    return ClassifierSettings(
        head=HeadSettings(**{name: parameters[name] for name in HEAD}),
        fine_tune=fine_tune,
        class_weights=balanced,
        fit=whole if fine_tune else first,
        head_fit=first if fine_tune else None,
    )


def is_untrained(parameters: Parameters) -> bool:
    """Return whether a trial's encoder has random weights."""
    return parameters.get("encoder") == "untrained"
