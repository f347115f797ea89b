"""Simulate a plate folder."""

from pathlib import Path

from ck19ml.config import SimulateConfig
from ck19ml.errors import ConfigError
from ck19ml.files.writing import followed
from ck19ml.plates.layouts.builtin import builtin_layout
from ck19ml.plates.layouts.reading import choose_wells, read_layout
from ck19ml.plates.simulation import simulate_plate
from ck19ml.workflows.outcome import Outcome
from ck19ml.workflows.progress import bar

BUILTIN = ("ck19", "ck21", "ck22")


def simulate(out: Path, config: SimulateConfig, *, overwrite: bool) -> Outcome:
    """Write the folder of a simulated plate.

    Raises
    ------
    ConfigError
        If the layout is neither a built-in one nor a file.
    """
    if config.layout.lower() in BUILTIN:
        name = config.layout.lower()
        layout = builtin_layout(name)  # type: ignore[arg-type]
    else:
        path = Path(config.layout)
        if not path.is_file():
            raise ConfigError(
                f"'{config.layout}' is neither a built-in layout ({', '.join(BUILTIN)}) nor a "
                "file; check the name"
            )
        name, layout = path.stem, read_layout(path)
    layout, out = choose_wells(layout, config.wells), followed(out)
    with bar(f"simulating {out.name}") as progress:
        simulate_plate(
            out,
            layout,
            plate=name.upper(),
            size=config.size,
            seed=config.seed,
            parameters=config.parameters,
            brightfield=config.brightfield,
            overwrite=overwrite,
            progress=progress,
        )
    counts = layout["stimulation"].value_counts().to_dict()
    what = ", ".join(f"{count} {stimulation}" for stimulation, count in counts.items())
    return Outcome(
        [f"{out}: simulated {len(layout)} wells ({what}), {config.size} x {config.size} pixels"],
        {"plate": str(out), "wells": len(layout), "stimulations": counts},
    )
