"""Time and memory of each step on more and more wells: of one plate, then of all plates together.

    python benchmarks/large.py PLATE [PLATE ...] --out growth.jsonl     # hours on full plates
    python benchmarks/large.py [--short]                                # simulates two [small] ones
    python benchmarks/large.py --figure docs/images/growth.png --out growth.jsonl

Each step is a command in a process of its own: `prepare`, `tune`, `features`, `evaluate`, `check`.
Its processor seconds are those of the process and its children, its memory the largest resident
one. What stands in the file already is not run again. `tune` trains what it always trains, but
briefly (see CONFIG), so that the time shows how each part grows and not how long it was trained.
Processor seconds say more than the clock where others use the machine too.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from limits import reading

CONFIG = {
    "split": {"validation": 0.2, "test": 0.6, "seed": 2211},
    "autoencoder": {"architecture": "compact", "fit": {"epochs": 1, "batch_size": 32}},
    "space": {"fine_tune": [False]},
    "trials": 3,
    "epochs": 5,
    "prepare": {"keep_empty": True},
}
WELLS = (30, 90, 294)
MODEL = {"features": "ck19-autoencoder", "evaluate": "ck19-classifier"}


def part_of(folder: Path, wells: int | None, place: Path) -> Path:
    """Make a folder of hard links to some of a plate's wells, named like the folder."""
    from ck19ml.plates.folder import find_plate
    from ck19ml.plates.layouts.reading import choose_wells, read_layout

    layout = read_layout(folder / "layout.csv")
    plate = find_plate(folder)
    chosen = set(choose_wells(layout[layout["well"].isin(plate.wells)], wells)["well"])
    part = place / folder.name
    part.mkdir(parents=True, exist_ok=True)
    # Simulated plates of one layout all bear its name; plates of one dataset need their own.
    for field in plate.fields:
        if field.well in chosen:
            for file in (field.dc, field.tcell):
                link = part / f"{folder.name} -{file.name.partition(' -')[2]}"
                if not link.exists():
                    os.link(file, link)
    layout.to_csv(part / "layout.csv", index=False)
    return part


def run(arguments: Sequence[str], folder: Path) -> dict[str, float]:
    """Run a command of ck19ml; returns what it took.

    Raises
    ------
    SystemExit
        If it fails, with its last lines.
    """
    store = {"MLFLOW_TRACKING_URI": f"sqlite:///{folder}/mlflow.db"}
    log = folder / "log.txt"
    with log.open("w") as output:
        started = time.monotonic()
        process = subprocess.Popen(
            [sys.executable, "-m", "ck19ml", *arguments], cwd=folder,
            env=os.environ | store, stdout=output, stderr=subprocess.STDOUT,
        )  # fmt: skip
        _, status, used = os.wait4(process.pid, 0)
        seconds = time.monotonic() - started
    if status:
        raise SystemExit(f"{' '.join(arguments)} failed:\n{log.read_text()[-2000:]}")
    return {
        "seconds": seconds,
        "processor_seconds": used.ru_utime + used.ru_stime,
        "memory_mb": used.ru_maxrss / 1024,
    }


def steps(plates: list[Path], folder: Path) -> dict[str, list[str]]:
    """Name the commands of each step."""
    import yaml

    names = [str(plate) for plate in plates]
    config = CONFIG | {"plate": names, "dataset": str(folder / "plates.zarr")}
    (folder / "tune.yaml").write_text(yaml.safe_dump(config))
    dataset = config["dataset"]
    return {
        "prepare": ["prepare", *names, dataset, "--keep-empty"],
        "tune": ["tune", "-c", "tune.yaml"],
        "features": ["features", f"models:/{MODEL['features']}@champion", dataset,
                     "--out", "profiles.parquet", "--overwrite"],
        "evaluate": ["evaluate", f"models:/{MODEL['evaluate']}@champion", dataset],
        "check": ["check", dataset],
    }  # fmt: skip


def inputs(step: str, plates: list[Path], folder: Path) -> list[Path]:
    """Name the folders that a step has to read: its plates, or their dataset."""
    return plates if step == "prepare" else [folder / "plates.zarr"]


def measure(sizes: Sequence[tuple[list[Path], int | None]], place: Path, out: Path) -> None:
    """Run the steps on each size and append what each took."""
    known = {(row["wells"], row["step"]) for row in rows_of(out)}
    for folders, wells in sizes:
        name = f"{len(folders)}x{wells or 'all'}"
        folder = place / name
        parts = [part_of(each, wells, folder / "plates") for each in folders]
        count = sum(1 for part in parts for _ in part.glob("*.tif")) // 2
        for step, arguments in steps(parts, folder).items():
            if (count, step) in known:
                continue
            row = {"wells": count, "plates": len(folders), "step": step, **run(arguments, folder)}
            row["reading_seconds"] = reading(inputs(step, parts, folder))
            row["load"] = os.getloadavg()[0]
            with out.open("a") as file:
                file.write(json.dumps(row) + "\n")
            print(json.dumps(row), file=sys.stderr, flush=True)


def rows_of(out: Path) -> list[dict[str, Any]]:
    """Read what was measured so far."""
    return [json.loads(line) for line in out.read_text().splitlines()] if out.exists() else []


def growth(rows: list[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Exponents of time and memory in the number of wells, by step, from the two largest sizes.

    Below these the start of a process is most of the time, and would hide how the work grows.
    """
    import numpy as np

    found = {}
    for step in dict.fromkeys(row["step"] for row in rows):
        own = sorted((row for row in rows if row["step"] == step), key=lambda row: row["wells"])
        if len(own) > 1:
            wells = np.log([row["wells"] for row in own[-2:]])
            found[step] = {
                key: float(np.diff(np.log([row[key] for row in own[-2:]]))[0] / np.diff(wells)[0])
                for key in ("processor_seconds", "memory_mb")
            }
    return found


def draw(rows: list[dict[str, Any]], path: Path) -> None:
    """Draw time and memory against wells, with a line of linear growth."""
    from matplotlib.ticker import LogLocator

    from ck19ml.plots import style

    colours = (style.BLUE, style.ORANGE, style.GREEN, style.PURPLE, style.VERMILLION)

    @style.styled
    def drawn() -> bytes:
        figure = style.new_figure(11, 5.4)
        exponents = growth(rows)
        sizes = sorted({row["wells"] for row in rows})
        panels = (("processor_seconds", "processor time (s)"), ("memory_mb", "largest memory (MB)"))
        for axis, (key, label) in zip(figure.subplots(1, 2), panels, strict=True):
            for (step, found), colour in zip(exponents.items(), colours, strict=False):
                own = sorted((r for r in rows if r["step"] == step), key=lambda row: row["wells"])
                axis.loglog([r["wells"] for r in own], [r[key] for r in own], "o-", color=colour,
                            label=style.signed(f"{step}: power {found[key]:.2f}"))  # fmt: skip
            base = min(row[key] for row in rows)
            ends = [base, base * sizes[-1] / sizes[0]]
            axis.loglog([sizes[0], sizes[-1]], ends, "--", color=style.GREY, label="power 1")
            axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axis.yaxis.set_major_formatter("{x:,.0f}")
            axis.set_xticks(sizes, [f"{size:,}" for size in sizes])
            axis.minorticks_off()
            axis.set(xlabel="wells of 2048 × 2048 pixels, 100 patches each", ylabel=label)
            axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.15), ncols=2)
        figure.suptitle("How each step grows with the wells (power between the two largest sizes)")
        return style.to_bytes(figure, path.suffix[1:])

    path.write_bytes(drawn())


def main() -> None:
    """Print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("plates", nargs="*", type=Path)
    parser.add_argument("--wells", nargs="*", type=int, default=list(WELLS))
    parser.add_argument("--out", type=Path, default=Path("growth.jsonl"))
    parser.add_argument("--place", type=Path, help="where datasets are kept; on the plates' disk")
    parser.add_argument("--figure", type=Path, help="draw what --out holds, and nothing else")
    parser.add_argument("--short", action="store_true")
    options = parser.parse_args()
    if options.figure:
        draw(rows_of(options.out), options.figure)
        return
    with tempfile.TemporaryDirectory(prefix="ck19ml-large-") as made:
        place = options.place or Path(made)
        plates, sizes, out = options.plates, options.wells, options.out
        if options.short:
            # Two plates once: each step is a process, and its start takes longer than its work.
            sizes, out = [], Path(made) / "growth.jsonl"
        if not plates:
            size = "400" if options.short else "2048"
            plates = simulated(place, max(sizes, default=12), size)
        plates = [plate.resolve() for plate in plates]
        todo = [(plates[:1], wells) for wells in sizes]
        measure([*todo, (plates, None)] if len(plates) > 1 else todo, place.resolve(), out)
        measured = rows_of(out)
        largest = max(row["wells"] for row in measured)
        rows = [{"subject": f"{row['step']}, {largest} wells", "unit": "s of CPU",
                 "ours": row["processor_seconds"], "limit": row["reading_seconds"]}
                for row in measured
                if row["wells"] == largest and "reading_seconds" in row]  # fmt: skip
        print(json.dumps({"rows": rows, "measured": measured, "growth": growth(measured)}))


def simulated(place: Path, wells: int, size: str) -> list[Path]:
    """Simulate two plates."""
    plates = [place / "P1", place / "P2"]
    for seed, plate in enumerate(plates):
        run(["simulate", str(plate), "--wells", str(wells), "--size", size, "--seed", str(seed)],
            place)  # fmt: skip
    return plates


if __name__ == "__main__":
    main()
