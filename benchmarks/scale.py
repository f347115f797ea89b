"""What 10, 1,000 and 100,000 plates cost, from coefficients measured on small plates.

    python benchmarks/scale.py              # about 15 minutes of CPU; needs PostgreSQL

Each part of a tuning is run on a few small plates, with its runs on a real MLflow server and its
study in a real PostgreSQL. The server's access log counts its requests, PostgreSQL's log counts
statements. Two numbers of plates give each part a constant and a slope in patches; other numbers
of plates check what these predict. `prepare` is also measured on fields of full size, by masks.
Processor seconds are those of this process, without the servers.
"""

import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import Any

import psutil

FITTED, CHECKED = (2, 8), (1, 5, 20)
"""Numbers of small plates that give the coefficients, and that check them."""

PLATES = (10, 1_000, 100_000)
FIELDS, PATCHES = 294, 100
"""Fields of a full plate, and patches of a full field."""

MASKS = ("instrument", "threshold", "otsu", "kmeans", "unet")
TRIALS = {"computed": 6, "trained": 3}
KEYS = ("cpu", "bytes", "requests", "run statements", "study statements")


class Servers:
    """PostgreSQL and an MLflow server on it, and what they did so far."""

    def __init__(self, folder: Path, postgres: Any) -> None:
        from tests.faults.mlflow_server import MlflowServer

        postgres.execute("ALTER SYSTEM SET logging_collector = on", "postgres")
        postgres.execute("ALTER SYSTEM SET log_statement = 'all'", "postgres")
        postgres.execute("ALTER SYSTEM SET log_line_prefix = 'database=%d '", "postgres")
        postgres.stop()
        postgres.start()
        self.postgres, self.studies = postgres, postgres.database("studies")
        self.folder = folder / "server"
        self.folder.mkdir()
        self.mlflow = MlflowServer(self.folder, postgres.database("runs"))

    def counts(self) -> dict[str, float]:
        """Return requests, statements of each database, and the servers' processor seconds."""
        log = (self.folder / "server.log").read_text(errors="replace")
        said = "".join(each.read_text() for each in (self.postgres.data / "log").iterdir())
        return {
            "requests": log.count('HTTP/1.1"'),
            "run statements": said.count("database=runs LOG:  statement"),
            "study statements": said.count("database=studies LOG:  statement"),
            "mlflow cpu": _cpu(self.mlflow.process.pid),
        }


def _cpu(pid: int) -> float:
    family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    return float(sum(sum(each.cpu_times()[:2]) for each in family))


def size_of(*folders: Path) -> int:
    """Return the bytes of all files below these folders."""
    return sum(p.stat().st_size for each in folders for p in each.rglob("*") if p.is_file())


class Meter:
    """What each part of a tuning took."""

    def __init__(self, servers: Servers) -> None:
        self.servers, self.rows = servers, dict[str, dict[str, float]]()

    @contextmanager
    def of(self, part: str, folder: Path, times: int = 1) -> Iterator[None]:
        """Measure a part that is done so many times and writes below a folder or the server."""
        places = (folder, self.servers.folder / "artifacts")
        before, size, start = self.servers.counts(), size_of(*places), time.process_time()
        yield
        took, after = time.process_time() - start, self.servers.counts()
        found = {"cpu": took, "bytes": size_of(*places) - size}
        found |= {key: after[key] - before[key] for key in after}
        self.rows[part] = {key: value / times for key, value in found.items()}


def measure(plates: Sequence[Path], servers: Servers, folder: Path) -> dict[str, Any]:
    """Do each part of a tuning once."""
    from ck19ml import tuning
    from ck19ml.config import SpaceConfig, TuneConfig
    from ck19ml.config.tune import WHEN
    from ck19ml.networks.settings import AutoencoderSettings, FitSettings
    from ck19ml.tracking import runs
    from ck19ml.workflows.autoencoder import autoencoder_step
    from ck19ml.workflows.prepare import find_plates, prepare_step
    from ck19ml.workflows.steps.split import split_dataset
    from ck19ml.workflows.tuning.champion import refit
    from ck19ml.workflows.tuning.features import load_material
    from ck19ml.workflows.tuning.trials import Trials

    config = TuneConfig(
        plate=list(plates), dataset=folder / "plates.zarr", epochs=10, patience=10, pruner="none",
        autoencoder=AutoencoderSettings(fit=FitSettings(epochs=1, batch_size=32, least_steps=1)),
    )  # fmt: skip
    spaces = {
        "computed": (SpaceConfig(head=["lda", "logistic"]), config.first),
        "trained": (SpaceConfig(head=["softmax"], units=[64], depth=[1], batch_size=[64],
                                pooled=[False], fine_tune=[False]), {}),
    }  # fmt: skip
    meter = Meter(servers)
    with meter.of("prepare", folder):
        dataset = prepare_step(find_plates(config), config.dataset, config.prepare)
    split = split_dataset(dataset, config.split)
    with runs.start("scale", "tune", {}) as parent:
        with meter.of("encoder", folder):
            encoder, _ = autoencoder_step(config.autoencoder, split, config.seed)
        with meter.of("features", folder):
            material = load_material(config, split, encoder, folder)
        for kind, (space, first) in spaces.items():
            name = f"{kind}-{len(plates)}-{folder.name}"
            with tuning.open_study(
                servers.studies, name, seed=config.seed, first=first, pruner="none"
            ) as study:
                trials = Trials(config, material, parent)
                for count in (1, TRIALS[kind]):  # the first one measures the wells for all
                    with meter.of(f"{kind} trial", folder, count):
                        study.run(
                            study.done + count, trials.objective, dict(space), trials,
                            failures=0, when=WHEN,
                        )  # fmt: skip
                if kind == "computed":
                    best = min(study.complete, key=lambda trial: trial.value)
        with meter.of("champion", folder):
            refit(config, split, parent, encoder, best, folder)
    table, patches = dataset.table, len(dataset.table)
    return {
        "patches": patches, "fields": len(dataset.fields), "parts": meter.rows,
        "table bytes a patch": int(table.memory_usage(deep=True).sum()) / patches,
        "files a field": sum(1 for _ in config.dataset.rglob("*")) / len(dataset.fields),
    }  # fmt: skip


def full_fields(folder: Path, fields: int, size: int) -> dict[str, dict[str, float]]:
    """Prepare fields of full size by each mask method: seconds and bytes a field."""
    from ck19ml.config import PrepareConfig, SimulateConfig
    from ck19ml.plates.folder import find_plate
    from ck19ml.workflows.prepare import prepare
    from ck19ml.workflows.simulate import simulate

    simulate(folder / "full", SimulateConfig(wells=fields, size=size), overwrite=False)
    plate, found = find_plate(folder / "full"), {}
    for mask in MASKS:
        start, target = time.process_time(), folder / f"{mask}.zarr"
        prepare([plate], target, PrepareConfig(mask=mask))
        seconds = time.process_time() - start
        found[mask] = {"cpu": seconds / fields, "bytes": size_of(target) / fields}
    found["images"] = {"cpu": 0.0, "bytes": size_of(folder / "full") / fields}
    return found


def line(found: dict[int, dict[str, Any]], part: str, key: str) -> Callable[[float], float]:
    """Return the straight line in patches through the two sizes that are fitted."""
    (x, y), (x1, y1) = ((found[n]["patches"], found[n]["parts"][part][key]) for n in FITTED)
    slope = (y1 - y) / (x1 - x)
    return lambda patches: float(y + slope * (patches - x))


def show(found: dict[int, dict[str, Any]], full: dict[str, dict[str, float]]) -> None:
    """Print coefficients, check and predictions."""
    parts, last = list(found[FITTED[0]]["parts"]), found[max(found)]
    for part in parts:
        lines = {key: line(found, part, key) for key in KEYS}
        told = [f"{key} {own(0):.4g} + {own(1e3) - own(0):.4g}" for key, own in lines.items()]
        print(f"{part}, constant + slope for 1,000 patches:", "; ".join(told))
    for plates, part in product(CHECKED, parts):
        patches, real = found[plates]["patches"], found[plates]["parts"][part]
        told = [f"{key} {line(found, part, key)(patches):.4g}/{real[key]:.4g}" for key in KEYS]
        print(f"{plates} plates, {part}, predicted/measured:", "; ".join(told))
    print("full fields, a field:", json.dumps(full))
    took = [sum(row[key] for row in last["parts"].values()) for key in ("mlflow cpu", "requests")]
    print(f"CPU ms of the MLflow server a request: {1000 * took[0] / took[1]:.1f}")
    print(f"{last['files a field']:.2f} files of a dataset a field")
    print(f"{last['table bytes a patch']:.0f} bytes of memory a row of the patches' table")
    for plates in PLATES:
        fields, patches = plates * FIELDS, plates * FIELDS * PATCHES
        hours = {f"prepare {mask}": full[mask]["cpu"] * fields / 3600 for mask in MASKS}
        hours |= {part: line(found, part, "cpu")(patches) / 3600 for part in parts[1:]}
        tb = {name: each["bytes"] * fields / 1e12 for name, each in full.items()}
        tb["features"] = line(found, "features", "bytes")(patches) / 1e12
        told = {"CPU hours": hours, "TB": tb}
        told["GB of memory"] = {"table": last["table bytes a patch"] * patches / 1e9}
        for unit, each in told.items():
            print(f"{plates:,} plates, {unit}:", ", ".join(f"{k} {v:.3g}" for k, v in each.items()))


def main() -> None:
    """Print all figures."""
    from tests.faults.postgres import serve

    with tempfile.TemporaryDirectory(prefix="ck19ml-scale-") as made, serve() as postgres:
        folder = Path(made)
        os.chdir(folder)
        servers = Servers(folder, postgres)
        os.environ["MLFLOW_TRACKING_URI"] = servers.mlflow.uri
        try:
            run(folder, servers)
        finally:
            servers.mlflow.stop()


def run(folder: Path, servers: Servers) -> None:
    """Measure and print all."""
    from ck19ml.config import SimulateConfig
    from ck19ml.workflows.simulate import simulate

    plates = [folder / f"P{number}" for number in range(max(*FITTED, *CHECKED))]
    for seed, plate in enumerate(plates):
        simulate(plate, SimulateConfig(wells=12, size=448, seed=seed), overwrite=False)
        for image in plate.glob("*.tif"):  # plates of one dataset need names of their own
            image.rename(plate / image.name.replace("CK19", plate.name, 1))
    found = {}
    (folder / "first").mkdir()
    measure(plates[-1:], servers, folder / "first")  # compiles for all; its encoder is no other's
    for count in (*FITTED, *CHECKED):
        own = folder / f"of-{count}"
        own.mkdir()
        found[count] = measure(plates[:count], servers, own)
    show(found, full_fields(folder, 3, 2048))


if __name__ == "__main__":
    main()
