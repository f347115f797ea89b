"""Write an encoder's features as profiles.

What costs nothing to check is checked here, before Keras and MLflow are loaded.
"""

from pathlib import Path

from ck19ml.errors import ConfigError
from ck19ml.files.writing import require_new
from ck19ml.plates.dataset.store import open_dataset
from ck19ml.workflows.outcome import Outcome


def features_command(uri: str, path: Path, out: Path, *, patches: bool, overwrite: bool) -> Outcome:
    """Write one profile a well, or one a patch, as pycytominer reads them.

    Raises
    ------
    ConfigError
        If the output's name does not end with ``.parquet``.
    """
    if out.suffix != ".parquet":
        raise ConfigError(f"{out} does not end with .parquet; rename it")
    require_new(out, overwrite=overwrite)
    dataset = open_dataset(path)
    from ck19ml.workflows.steps.profiles import write_profiles

    return write_profiles(uri, dataset, out, patches=patches)
