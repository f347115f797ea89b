"""How fast `prepare` is, beside the study's procedure and beside reading the files.

    python benchmarks/prepare_speed.py            # some minutes, 24 and 96 wells of 2048 x 2048
    python benchmarks/prepare_speed.py --short    # some seconds

On the same wells, each in a process of its own, one after the other: (a) the study's procedure
(DOMAIN.md, steps 1-6): patches, min-max, OpenCV k-means with 10 attempts, at most 10 iterations
and eps 1.0 on each channel, overlap; (b) reading the files and nothing else; (c) `prepare` with
one and with two workers. Times are of the work, without the start of the interpreter. Memory is
the largest sum of the resident memory of the process and its children, seen every 20 ms. (d) is
the command `ck19ml prepare` as a user runs it. Everything that is written is deleted at the end.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil

STUDY_FIELDS = 2
"""The study's procedure takes the same time for each field: a few stand for all."""

TARGETS = {"study": 60.0, "reading": 3.0, "memory_mb": 700.0}


def study(folder: Path, fields: int) -> None:
    """Do steps 1 to 6 of the study's processing, patch by patch."""
    from ck19ml.core.mask_methods import kmeans
    from ck19ml.core.overlap import score
    from ck19ml.core.patches import cut, raise_background
    from ck19ml.plates.folder import find_plate, read_field

    plate = find_plate(folder)
    level = (plate.description.levels or (0, 0))[0]
    for field in plate.fields[:fields]:
        patches = raise_background(cut(read_field(field, plate.description)), level)
        score(kmeans(patches, level))


def reading(folder: Path) -> None:
    """Read the pixels of all files."""
    import tifffile

    for path in sorted(folder.glob("*.tif")):
        tifffile.imread(path)


def prepare(folder: Path, target: Path, workers: int) -> None:
    """Prepare the plate."""
    from ck19ml.plates.folder import find_plate
    from ck19ml.plates.layouts.reading import read_layout
    from ck19ml.plates.preparation.prepare import prepare_plates
    from ck19ml.plates.preparation.runner import local
    from ck19ml.plates.preparation.settings import Preparation, Source

    source = Source(find_plate(folder), read_layout(folder / "layout.csv"))
    prepare_plates([source], target, Preparation(), run=local(workers))


def child(arguments: list[str]) -> None:
    """Do one piece of work in this process and print how long it took."""
    what, folder, rest = arguments[0], Path(arguments[1]), arguments[2:]
    if what == "study":
        import cv2

        cv2.setNumThreads(1)
    import ck19ml.plates.preparation.prepare  # noqa: F401 - importing is not the work

    start = time.perf_counter()
    if what == "study":
        study(folder, int(rest[0]))
    elif what == "reading":
        reading(folder)
    else:
        prepare(folder, Path(rest[0]), int(rest[1]))
    print(json.dumps(time.perf_counter() - start))


def measure(*arguments: object) -> tuple[float, float]:
    """Run a piece of work in a process of its own: seconds, and megabytes at most."""
    _, memory, out = watch([sys.executable, __file__, "--child", *map(str, arguments)])
    return float(json.loads(out)), memory


def watch(command: list[str], folder: Path | None = None) -> tuple[float, float, str]:
    """Run a command in a folder: seconds, megabytes at most, and what it printed."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=folder)
    peak = [0.0]
    watcher = threading.Thread(target=_watch, args=(process.pid, peak))
    watcher.start()
    out, _ = process.communicate()
    watcher.join()
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")
    return time.perf_counter() - start, peak[0] / 2**20, out


def _watch(pid: int, peak: list[float]) -> None:
    while True:
        try:
            family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
            peak[0] = max(peak[0], sum(member.memory_info().rss for member in family))
        except psutil.NoSuchProcess:
            return
        if family[0].status() == psutil.STATUS_ZOMBIE:
            return
        time.sleep(0.02)


def simulate(folder: Path, wells: int, size: int) -> None:
    """Write a plate of so many wells; wells beyond the first dozen are copies of these."""
    from ck19ml.plates.layouts.builtin import builtin_layout
    from ck19ml.plates.layouts.reading import choose_wells, write_layout
    from ck19ml.plates.simulation import file_name, simulate_plate

    layout = choose_wells(builtin_layout("ck19"), wells)
    first = choose_wells(layout, min(wells, 12))
    simulate_plate(folder, first, size=size)
    own = list(first["well"])
    for number, well in enumerate(sorted(set(layout["well"]) - set(own))):
        for channel in ("FITC", "TexasRed"):
            source = folder / file_name("CK19", own[number % len(own)], channel)
            (folder / file_name("CK19", well, channel)).write_bytes(source.read_bytes())
    write_layout(layout, folder / "layout.csv")


def compare(wells: int, size: int, fields: int, folder: Path) -> list[dict[str, object]]:
    """Measure all of it on one plate and print it; returns rows for `benchmarks/table.py`."""
    plate = folder / f"plate{wells}"
    simulate(plate, wells, size)
    reading(plate)  # the files are in the system's cache for all that follows
    slow = measure("study", plate, fields)
    read = min(measure("reading", plate) for _ in range(3))
    print(f"{wells} wells of {size} x {size}:")
    print(f"  (a) study, {fields} fields     {slow[0] / fields:8.3f} s a field")
    print(f"  (b) reading            {read[0] / wells:8.4f} s a field")
    rows = []
    for workers in (1, 2):
        seconds, memory = measure("prepare", plate, folder / f"d{workers}.zarr", workers)
        own = seconds / wells
        rows.append({"subject": f"prepare a field, {workers} worker(s), {wells} wells", "unit": "s",
                     "ours": own, "peer": slow[0] / fields, "limit": read[0] / wells})  # fmt: skip
        print(
            f"  (c) prepare, {workers} worker(s)  {own:8.4f} s a field, "
            f"{slow[0] / fields / own:6.1f} times as fast as (a) (target {TARGETS['study']:g}), "
            f"{own / (read[0] / wells):5.1f} times (b) (target {TARGETS['reading']:g}), "
            f"{memory:.0f} MB at most (target {TARGETS['memory_mb']:g})"
        )
    command = [sys.executable, "-m", "ck19ml", "prepare", str(plate), str(folder / "whole.zarr")]
    seconds, memory, _ = watch([*command, "--keep-empty", "--workers", "2"], folder)
    print(
        f"  (d) the whole command, with start-up, MLflow run and figures, 2 workers: "
        f"{seconds:.1f} s, {memory:.0f} MB at most (target {TARGETS['memory_mb']:g})"
    )
    return rows


def main() -> None:
    """Measure on 24 and 96 wells, or with ``--short`` on 6 small ones."""
    parser = argparse.ArgumentParser(description="How fast prepare is.")
    parser.add_argument("--short", action="store_true")
    short = parser.parse_args().short
    plates = [(6, 576)] if short else [(24, 2048), (96, 2048)]
    rows = []
    for wells, size in plates:
        with tempfile.TemporaryDirectory() as folder:
            rows += compare(wells, size, STUDY_FIELDS, Path(folder))
    print(json.dumps({"rows": rows}))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child(sys.argv[2:])
    else:
        main()
