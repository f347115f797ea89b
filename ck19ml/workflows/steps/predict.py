"""Score every well of a plate folder with a model."""

from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ck19ml.core.patches import raise_background, stored_dtype
from ck19ml.core.scores.classification import answer_scores, index_of
from ck19ml.core.scores.drift import appearance, of_wells, shift
from ck19ml.core.scores.intervals import Score
from ck19ml.core.scores.metrics import overlap_scores
from ck19ml.core.wells import WELL, well_index
from ck19ml.errors import PlateError
from ck19ml.files.fingerprint import fingerprint
from ck19ml.files.writing import write_csv
from ck19ml.networks.card import Card
from ck19ml.networks.evaluation import Evaluation, with_units
from ck19ml.networks.scorer import Scorer
from ck19ml.plates.dataset.hashes import hash_patches
from ck19ml.plates.folder import Field, Plate, read_field
from ck19ml.plates.preparation.settings import estimate_levels
from ck19ml.plates.report import shown_levels
from ck19ml.tracking import registry, runs
from ck19ml.tracking.assays import channels_of, classes_of, pixels_of
from ck19ml.tracking.runs import Run
from ck19ml.workflows.outcome import Outcome
from ck19ml.workflows.progress import bar
from ck19ml.workflows.reporting.scores import key_figures, score_rows
from ck19ml.workflows.steps.gate import champion_for
from ck19ml.workflows.steps.layouts import layout_places, plate_layout

CLOSE = 0.25
"""Share by which an estimated background may differ from that of the model's training data."""

SHOWN = 10
"""Copied wells that are named."""

UNCHECKED = "drift was not checked:"


def predict_plate(uri: str, plate: Plate, out: Path, patches: Path | None) -> Outcome:
    """Score every well of a plate; a layout is joined if the plate has one.

    Where the model comes from a tracking store, a run of that store says what was scored and how
    the answers agree with the layout.
    """
    # A plate without a layout is scored too; one with a damaged layout is not.
    has_layout = any(place.is_file() for place in layout_places(plate))
    layout = plate_layout(plate, None) if has_layout else None
    known = plate.description
    wanted = pixels_of(known.bit_depth, known.pixel_size_um) | channels_of(known.panel)
    if layout is not None:
        own = layout["well"].isin(plate.wells)
        wanted |= classes_of(layout.loc[own, "stimulation"].unique())
    uri = champion_for(uri, wanted)
    scorer, model = registry.open_model(uri)
    _require_same_camera(plate, scorer)
    name = f"predict {plate.name} by {scorer.card.kind}"
    config = {"model": uri, "plate": str(plate.folder)}
    # A model's folder needs no store.
    with runs.start(name, "predict", config) if ":/" in uri else nullcontext() as run:
        wells, each, seen, digest = _score(scorer, plate)
        if layout is not None:
            labels = layout.rename(columns={"stimulation": "layout_stimulation"})
            wells = wells.merge(labels, on="well", how="left")
        scores, agreement = against_layout(wells, each, scorer.card)
        metrics = Evaluation(scores, {}, each, wells).metrics("test")
        shifted, drift = drift_of(scorer.card, wells, each, seen)
        lines = [f"{out}: scores of {len(wells)} wells of {plate.name} by {uri}"]
        lines += [*copies_line(wells), seen_line(wells["seen"].to_numpy(bool)), drift, *agreement]
        wells = wells.drop(columns="sha256")
        write_csv(wells, out)
        if patches is not None:
            write_csv(each, patches)
            lines.append(f"{patches}: scores of {len(each)} patches")
        if run is not None:
            _log(run, _PlateWells(plate.name, plate.folder, wells, digest), metrics, shifted, model)
            run.describe("\n\n".join(lines))
            lines.append(f"run {run.id}")
    data = {"out": str(out), "wells": len(wells), "seen": int(wells["seen"].sum()), "model": uri}
    data |= metrics | shifted | ({} if run is None else {"run": run.id})
    if "stimulation" in wells:
        data["predicted"] = wells["stimulation"].value_counts().to_dict()
    return Outcome(lines, data)


@dataclass(frozen=True)
class _PlateWells:
    """The wells of a plate folder as a `runs.Scored`."""

    name: str
    path: Path
    table: pd.DataFrame
    content_hash: str


def _log(
    run: Run,
    wells: _PlateWells,
    metrics: dict[str, float],
    shifted: dict[str, float],
    model: str | None,
) -> None:
    seen = wells.table["seen"]
    counts = {"predict/wells": float(len(seen)), "predict/seen_wells": float(seen.sum())}
    run.dataset(wells, "testing", model)
    run.metrics(key_figures(metrics) | counts | shifted, model=model, dataset=wells)
    run.table("scores", score_rows(metrics))
    run.table("wells", wells.table)


def against_layout(
    wells: pd.DataFrame, patches: pd.DataFrame, card: Card
) -> tuple[dict[str, Score], list[str]]:
    """Score the answers to wells that the model has not seen, as `evaluate` does.

    Parameters
    ----------
    wells, patches : DataFrame
        The answers; wells with the layout's ``layout_stimulation`` where there is one, and with
        the sha256 of their pixels: copies of a well count once.

    Returns
    -------
    scores : dict
        Of a classifier well_accuracy ..., where the layout names stimulations that it knows; of
        a regressor overlap_mse ... against the overlap of the masks.
    lines : list of str
        How to say them.
    """
    rng, fresh = np.random.default_rng(card.seed), distinct(wells[~wells["seen"]])
    if card.kind == "classifier" and "layout_stimulation" in wells:
        names = card.stimulations
        known = fresh["layout_stimulation"].isin(names) & fresh["stimulation"].notna()
        if not known.any():
            return {}, []
        table, _ = with_units(fresh[known], card.unit)
        labels = pd.Index(names).get_indexer(table["layout_stimulation"])
        answers = table[[f"probability_{name}" for name in names]].to_numpy(np.float64)
        found = answer_scores(answers, labels, index_of(table["unit"]), rng)
        line = (
            f"well accuracy {found['accuracy']} on {len(table)} wells that the model has not seen "
            "and whose stimulation the layout names"
        )
        return {f"well_{key}": score for key, score in found.items()}, [line]
    if card.kind != "regressor":
        return {}, []
    usable = patches[~patches["faulty"]].merge(fresh[[*WELL, "sha256"]], on=WELL)
    if usable.empty:
        return {}, []
    table, _ = with_units(usable, card.unit)
    true, predicted = (table[key].to_numpy(np.float64) for key in ("overlap", "predicted_overlap"))
    scores = overlap_scores(true, predicted, well_index(table), rng, index_of(table["unit"]))
    return scores, [
        f"overlap MSE {scores['overlap_mse'].text(5)} against the masks of {len(table)} patches "
        "in wells that the model has not seen"
    ]


def distinct(wells: pd.DataFrame) -> pd.DataFrame:
    """Leave out wells that have the pixels (sha256) and the label of one before them."""
    keys = [name for name in ("sha256", "layout_stimulation") if name in wells]
    return wells.drop_duplicates(keys)


def copies_line(wells: pd.DataFrame) -> list[str]:
    """Say how many usable wells have the same pixels (sha256) as one before them, if any."""
    usable = wells[wells["faulty_share"] < 1]
    again = usable[usable["sha256"].duplicated()]
    if again.empty:
        return []
    return [
        f"{len(again)} of {len(wells)} wells ({', '.join(again['well'][:SHOWN])}"
        f"{', ...' * (len(again) > SHOWN)}) have the same pixels as another and count once"
    ]


def _score(
    scorer: Scorer, plate: Plate
) -> tuple[pd.DataFrame, pd.DataFrame, NDArray[np.float64], str]:
    """Return a row a well, a row a patch, the patches' `appearance`, and a hash of all patches.

    Wells have the sha256 of their pixels.
    """
    from ck19ml.core.chance import measures

    fields: list[pd.DataFrame] = []
    outputs: list[NDArray[np.float32]] = []
    seen: list[NDArray[np.float64]] = []
    marks: list[tuple[str, str, str]] = []
    card = scorer.card
    dtype = stored_dtype(card.bit_depth)
    with bar(f"scoring {plate.name}") as progress:
        for done, field in enumerate(plate.fields, start=1):
            image = read_field(field, plate.description)
            _require_patch(field, image.shape[:2], scorer.card.patch_size)
            masks = scorer.masks(image)
            cut = scorer.cut(image, masks)
            outputs.append(scorer.outputs(cut))
            raised: Any = cut.raw if card.raised else raise_background(cut.raw, card.levels)
            seen.append(appearance(raised, masks))
            marks.append((field.plate, field.well, hash_patches(raised.astype(dtype, copy=False))))
            table = pd.DataFrame({"plate": field.plate, "well": field.well, "field": field.field,
                                  "patch": range(len(cut)),
                                  "faulty": scorer.faulty(cut)})  # fmt: skip
            if scorer.card.panel.pair:
                table["overlap"] = measures(masks[..., :2])[scorer.card.target]
            values = scorer.shown(outputs[-1]).reshape(len(cut), -1)
            fields.append(table.join(pd.DataFrame(values, columns=scorer.output_names())))
            progress(done, len(plate.fields))
    patches, every = pd.concat(fields, ignore_index=True), np.concatenate(outputs)
    hashes = pd.DataFrame(marks, columns=["plate", "well", "sha256"])
    pixels = hashes.groupby(["plate", "well"])["sha256"].agg("+".join)
    rows = []
    for (name, well), group in patches.groupby(["plate", "well"], sort=True):
        summary = scorer.summary(every[group.index], group["faulty"].to_numpy(bool))
        mark = pixels.loc[(name, well)]
        row = {"plate": name, "well": well, "seen": mark in scorer.card.seen, "sha256": mark}
        row |= summary
        if "overlap" in group:
            row["overlap"] = group.loc[~group["faulty"], "overlap"].mean()
        rows.append(row)
    return pd.DataFrame(rows), patches, np.concatenate(seen), fingerprint(pixels.tolist())


def drift_of(
    card: Card, wells: pd.DataFrame, patches: pd.DataFrame, each: NDArray[np.float64]
) -> tuple[dict[str, float], str]:
    """Compare a plate's vehicle wells with those that a model was trained on.

    Parameters
    ----------
    wells : DataFrame
        A row a well, with the sha256 of its pixels, and with ``layout_stimulation`` and ``control``
        where the plate has a layout.
    patches : DataFrame
        A row a patch: plate, well, faulty.
    each : ndarray, (n, measures)
        `core.scores.drift.appearance` of the patches.

    Returns
    -------
    metrics : dict
        The largest shift in SDs of wells, with the bounds of its interval; empty of none.
    line : str
        How to say it; a warning where the shift is large.
    """
    if "control" not in wells:
        return {}, f"{UNCHECKED} without a layout no vehicle wells are known"
    if card.vehicles is None:
        return (
            {},
            f"{UNCHECKED} the model knows too few vehicle wells of its training plates",
        )
    vehicle = distinct(wells[wells["control"] == "vehicle"])[[*WELL, "layout_stimulation"]]
    rows = patches.reset_index().merge(vehicle, on=WELL)
    rows = rows[~rows["faulty"].to_numpy(bool)]
    found = None
    if not rows.empty:
        well = well_index(rows)
        first = np.unique(well, return_index=True)[1]
        names = list(rows["layout_stimulation"].iloc[first].astype(str))
        found = shift(card.vehicles, of_wells(each[rows["index"]], well), names)
    if found is None:
        return {}, f"{UNCHECKED} the plate has no vehicle wells of the model's stimulations"
    labels = [card.panel.label(name) for name in card.channels]
    measures = [f"brightness of the {name} channel" for name in labels]
    measure = (measures + [f"area of the {name} masks" for name in labels])[found.measure]
    known = sum(card.vehicles.wells.values())
    line = (
        f"vehicle wells ({found.wells}) against {known} of the training plates: {measure} "
        f"{found.value:+.1f} SD of wells [{found.low:+.1f}, {found.high:+.1f}], the largest of "
        f"{len(measures) * 2} differences"
    )
    if found.far:
        line = (
            f"warning: this plate looks different from those that the model was trained on; "
            f"{line}; compare exposure, staining and background, or train on plates like it"
        )
    values = {"": found.value, "_low": found.low, "_high": found.high}
    return {f"predict/drift{key}": value for key, value in values.items()}, line


def seen_line(seen: NDArray[np.bool_]) -> str:
    """Say how many wells, (wells,), a model was trained or tuned on."""
    if not seen.any():
        return f"the model has seen none of the {seen.size} wells"
    return (
        f"warning: the model was trained or tuned on {int(seen.sum())} of {seen.size} wells "
        "(column seen), whose scores lean towards their own label; a plate that it has not seen "
        "tells more"
    )


def _require_patch(field: Field, shape: tuple[int, ...], size: int) -> None:
    if min(shape) < size:
        raise PlateError(
            f"{field.first}: {shape[0]} x {shape[1]} pixels are fewer than one patch of the model, "
            f"{size} x {size}; use a model of smaller patches"
        )


def _require_same_camera(plate: Plate, scorer: Scorer) -> None:
    if scorer.card.illumination:
        raise PlateError(
            f"{plate.folder}: the model was trained on corrected illumination, which needs a "
            "dataset; prepare the plate with --illumination and use 'evaluate'"
        )
    panel = scorer.card.panel
    if plate.description.panel != panel:
        raise PlateError(
            f"{plate.folder} has the channels {', '.join(plate.description.panel.names)}, but the "
            f"model was trained on {', '.join(panel.names)}; correct plate.yaml or use a model of "
            "these channels"
        )
    levels, bits = plate.description.levels, plate.description.bit_depth
    wanted = scorer.card.levels
    # An estimate differs from plate to plate; what counts is whether the model's level suits it.
    mine = estimate_levels(plate) if levels is None else levels
    close = np.allclose(mine, wanted, rtol=CLOSE) if levels is None else mine == wanted
    if bits != scorer.card.bit_depth or not close:
        raise PlateError(
            f"{plate.folder}: {bits}-bit values with background {shown_levels(mine)}, but the "
            f"model was trained on {scorer.card.bit_depth} bits with background "
            f"{shown_levels(wanted)}; correct plate.yaml or use a model of this camera"
        )
