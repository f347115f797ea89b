"""Write a folder to start from: experiments, MLproject, environments, a README."""

import json
from pathlib import Path

import ck19ml
from ck19ml.errors import ConfigError
from ck19ml.files.writing import making
from ck19ml.workflows.outcome import Outcome

README = """# {name}
A ck19ml project: plates of T cells and dendritic cells in, a model and a hit list out.
```
ck19ml tune -c experiments/tune.yaml      # the main job, on a simulated plate
mlflow run . -e tune --env-manager local  # the same under MLflow
ck19ml ui                                 # the runs in the MLflow UI
```
Your own plate: `-s plate=data/PLATE -s dataset=data/PLATE.zarr`, a folder of images with a layout.
`experiments/` has a file for each experiment; `ck19ml --help` lists the commands.
Runs go to `mlflow.db` and `mlruns/`, plates and datasets to `data/`; git ignores them.
"""
PYTHON_ENV = "dependencies:\n  - ck19ml=={version}\n"
CONDA = """name: ck19ml
channels:
  - conda-forge
dependencies:
  - python=3.11
  - pip
  - pip:
      - ck19ml=={version}
"""
IGNORED = "data/\n.ck19ml/\nmlruns/\nmlartifacts/\nmlflow.db*\nfigures/\n"


def new_command(folder: Path) -> Outcome:
    """Write the files of a new project.

    Raises
    ------
    ConfigError
        If the folder holds something already.
    """
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise ConfigError(f"{folder} already exists and is not an empty folder; name a new one")
    texts = _project(folder.resolve().name)
    with making(folder) as made:
        for name, text in texts.items():
            path = made / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
    start = f"cd {folder}; ck19ml tune -c experiments/tune.yaml"
    lines = [f"{folder}: {len(texts)} files; start with: {start}"]
    return Outcome(lines, {"folder": str(folder), "files": sorted(texts)})


def _project(name: str) -> dict[str, str]:
    """Return the text of each file."""
    place = _place()
    shared = [place / "MLproject", *sorted((place / "experiments").glob("*.yaml"))]
    version = ck19ml.__version__
    return {
        "README.md": README.format(name=name),
        "python_env.yaml": PYTHON_ENV.format(version=version),
        "conda.yaml": CONDA.format(version=version),
        ".gitignore": IGNORED,
    } | {str(path.relative_to(place)): _named(path, name) for path in shared}


def _named(path: Path, name: str) -> str:
    """Return a file's text; MLproject carries the project's name, which its experiment takes."""
    text = path.read_text(encoding="utf-8")
    if path.name != "MLproject":
        return text
    return text.replace("name: ck19ml", f"name: {json.dumps(name, ensure_ascii=False)}", 1)


def _place() -> Path:
    """Return where MLproject and experiments/ are: in the wheel (`setup.py`), or the repository."""
    packed = Path(__file__).with_name("project")
    return packed if packed.is_dir() else Path(ck19ml.__file__).resolve().parents[1]
