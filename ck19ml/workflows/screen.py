"""Screen a plate's compounds with a model.

What costs nothing to check is checked here, before Keras and MLflow are loaded.
"""

from pathlib import Path

from ck19ml.errors import ConfigError
from ck19ml.files.writing import require_folder
from ck19ml.plates.dataset.store import open_dataset
from ck19ml.workflows.outcome import Outcome
from ck19ml.workflows.screening.other_masks import masks_asked


def screen_command(
    uri: str,
    path: Path,
    out: Path | None,
    *,
    target: str,
    reference: str,
    fdr: float,
    least_ssmd: float,
    overwrite: bool,
    masks: str = "",
) -> Outcome:
    """Answer which compounds change the interaction, and at what concentration.

    Parameters
    ----------
    masks : str
        Mask methods and folders of label images, separated by commas, under which the hit list is
        repeated.

    Raises
    ------
    ConfigError
        See `require_bounds` and `masks_asked`.
    PlateError
        If the output is no folder, or holds files and may not be overwritten.
    """
    require_bounds(fdr, least_ssmd)
    if out is not None:
        require_folder(out, overwrite=overwrite)
    dataset = open_dataset(path)
    dataset.require_pair("screen")
    others = masks_asked(masks, dataset)
    from ck19ml.workflows.screening.run import screen_model

    return screen_model(
        uri,
        dataset,
        out,
        target=target,
        reference=reference,
        fdr=fdr,
        least_ssmd=least_ssmd,
        masks=others,
    )


def require_bounds(fdr: float, least_ssmd: float) -> None:
    """Refuse bounds of a hit that are out of range.

    Raises
    ------
    ConfigError
        If the false discovery rate is not between 0 and 1, or the SSMD is below 0.
    """
    if not 0 < fdr < 1:
        raise ConfigError(
            f"the false discovery rate {fdr} is not between 0 and 1; use for example 0.05"
        )
    if not least_ssmd >= 0:
        raise ConfigError(f"the smallest SSMD {least_ssmd} is below 0; use for example 2")
