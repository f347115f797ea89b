"""Keep what libraries print while they start off the terminal."""

import os
import sys
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType

LEVEL = "TF_CPP_MIN_LOG_LEVEL"
"""TensorFlow's own setting; 0 and 1 ask for its lines."""


def quiet() -> None:
    """Silence the start of TensorFlow, and MLflow's telemetry; the user's own settings stay.

    TensorFlow writes of CUDA and of its processor before any of its settings count, and calls some
    of it errors: that oneDNN lacks an instruction of this processor. Real errors are exceptions.
    """
    if os.environ.setdefault(LEVEL, "3") > "1" and "tensorflow" not in sys.modules:
        sys.meta_path.insert(0, _SilentTensorFlow())
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    # MLflow imports tqdm, which in a notebook asks for widgets that nothing here uses.
    warnings.filterwarnings("ignore", message="IProgress not found")


class _SilentTensorFlow:
    """Finder that has TensorFlow imported in silence, once."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name != "tensorflow":
            return None
        sys.meta_path.remove(self)
        spec = find_spec(name)
        if spec is None or spec.loader is None:
            return spec
        load = spec.loader.exec_module

        def silently(module: ModuleType) -> None:
            with _silenced():
                load(module)
                module.config.list_physical_devices()  # looks for CUDA, which says more

        spec.loader.exec_module = silently  # type: ignore[method-assign]
        return spec


@contextmanager
def _silenced() -> Iterator[None]:
    """Keep what this process writes to standard error, and show it only if something fails."""
    try:
        shown = os.dup(2)
    except OSError:  # closed by the shell
        yield
        return
    try:
        with tempfile.TemporaryFile() as kept:
            os.dup2(kept.fileno(), 2)
            try:
                yield
            except BaseException:
                kept.seek(0)
                os.write(shown, kept.read())
                raise
            finally:
                os.dup2(shown, 2)
    finally:
        os.close(shown)
