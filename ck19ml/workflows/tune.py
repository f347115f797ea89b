"""The main job: from a plate folder to a tuned, registered, evaluated champion."""

import math
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from ck19ml import tuning
from ck19ml.config import TuneConfig
from ck19ml.config.tune import WHEN
from ck19ml.errors import ConfigError
from ck19ml.files.fingerprint import fingerprint
from ck19ml.plates.dataset.store import Dataset
from ck19ml.tracking import runs, server
from ck19ml.tracking.runs import Run
from ck19ml.tuning import Study
from ck19ml.workflows.outcome import Outcome
from ck19ml.workflows.prepare import find_plates, prepare_step, prepared
from ck19ml.workflows.progress import bar, say
from ck19ml.workflows.reporting.scores import key_figures
from ck19ml.workflows.steps.resume import find_autoencoder, repair_runs
from ck19ml.workflows.steps.split import Split, split_dataset
from ck19ml.workflows.tuning.selection import chosen
from ck19ml.workflows.tuning.study import (
    Places,
    Runs,
    become_parent,
    ended_by_sigterm,
    joined,
    parent_of,
    reconcile,
    repair,
)

RESULT = "result"


def tune_command(config: TuneConfig, storage: str | Path | None) -> Outcome:
    """Run the main job; finished steps are found and not repeated.

    Several commands may work on one study at the same time: each joins the others.

    Parameters
    ----------
    storage : str or Path, optional
        Optuna's journal file, or ``postgresql://...``; by default a journal beside the dataset.
    """
    _require_first_in_space(config)
    folder = config.dataset.with_suffix(".study")
    place = storage or folder / "optuna.journal"
    _require_safe(place)
    tuning.require_answer(place)
    plates = find_plates(config)
    dataset = prepared(plates, config.dataset, config.prepare)
    with ended_by_sigterm(), server.lost_in_one_line(), ExitStack() as outer:
        repair_runs()
        with ExitStack() as inner:
            if dataset is None:
                run = inner.enter_context(_start(config, None))
                dataset = prepare_step(plates, config.dataset, config.prepare)
                # The study outlives the run, whose last state depends on who else is at work.
                study = outer.enter_context(_study(config, dataset, place))
                with study.alone("parent"):
                    parent = parent_of(study) or become_parent(study, run)
            else:
                study = outer.enter_context(_study(config, dataset, place))
                with study.alone("parent"):
                    known = parent_of(study)
                    resume = None if runs.made_by_mlflow_run() else known
                    run = inner.enter_context(_start(config, resume))
                    parent = known or become_parent(study, run)
            with tuning.lost_in_one_line(place):
                return _tune(config, dataset, study, Runs(run, parent), Places(place, folder))


def _start(config: TuneConfig, resume: Run | None) -> Any:
    name = f"tune {config.dataset.stem}"
    return runs.start(name, "tune", config.model_dump(mode="json"), resume=resume)


@contextmanager
def _study(config: TuneConfig, dataset: Dataset, place: str | Path) -> Iterator[Study]:
    """Open the study of this config and data: all that its trials depend on is in its name."""
    own = config.model_dump(
        mode="json",
        include={"autoencoder", "split", "classes", "space", "first", "epochs",
                 "fine_tune_epochs", "patience", "seed"},
    )  # fmt: skip
    if config.pruner != "median":  # studies from before there was a choice keep their names
        own["pruner"] = config.pruner
    name = f"tune-{fingerprint(own, dataset.content_hash)}"
    split_dataset(dataset, config.split, config.classes, fewest=2)  # before it leaves a file
    with (
        tuning.open_study(
            place,
            name,
            seed=config.seed,
            first=config.first,
            pruner=config.pruner,
            heartbeat=config.heartbeat,
        ) as study,
        joined(study),
    ):
        yield study


def _tune(config: TuneConfig, dataset: Dataset, study: Study, at: Runs, places: Places) -> Outcome:
    say(repair(study, at.parent))
    split = split_dataset(dataset, config.split, config.classes, fewest=2)
    with study.alone("encoder"):  # who comes second finds it trained
        _, encoder_run = find_autoencoder(config.autoencoder, split, config.seed)
        if encoder_run is None:  # only then is Keras loaded
            from ck19ml.workflows.autoencoder import autoencoder_step

            encoder_run, _ = autoencoder_step(config.autoencoder, split, config.seed)
    at.own.tags({"ck19ml.study": study.name, "ck19ml.study_run": at.parent.id,
                 "ck19ml.autoencoder_run": encoder_run.id})  # fmt: skip
    if at.parent != at.own:
        at.parent.reopen()
    state = "KILLED"
    try:
        added = 0
        if study.done < config.trials:
            added = _run_trials(config, split, study, at.parent, encoder_run, places)
        else:
            say(f"study: {study.done} trials, the budget is used up; none added")
        result = _result(config, split, study, at.own, encoder_run, places.folder)
        _publish(study, at, result)
        _rename(at, dataset, study, config.trials)
        state = "FINISHED"
    finally:
        if at.parent != at.own:
            at.parent.end(state)
    return _outcome(study, at, added, result)


def _run_trials(
    config: TuneConfig, split: Split, study: Study, parent: Run, encoder_run: Run, places: Places
) -> int:
    """Run trials until the study has its budget; return how many were added."""
    from ck19ml.workflows.tuning import workers
    from ck19ml.workflows.tuning.features import load_material
    from ck19ml.workflows.tuning.trials import Trials
    from ck19ml.workflows.tuning.worker import Task

    material = load_material(config, split, encoder_run, places.folder)
    done, failed = study.done, study.failed
    until = math.inf if config.timeout is None else time.time() + config.timeout
    with bar("trials") as progress:

        def look() -> None:
            progress(study.done, config.trials)

        if config.workers == 1 and config.scheduler is None:
            trials = Trials(config, material, parent, progress=look)
            added = study.run(
                config.trials, trials.objective, dict(config.space), trials,
                failures=config.failures, failed_before=failed, until=until, when=WHEN,
            )  # fmt: skip
        else:
            task = Task(
                config=config.changed(dataset=config.dataset.resolve()).model_dump(mode="json"),
                storage=places.from_everywhere,
                tracking=server.location(),
                study=study.name,
                parent=parent.id,
                encoder_run=encoder_run.id,
                folder=str(places.folder.resolve()),
                failed_before=failed,
                until=None if math.isinf(until) else until,
            )
            if config.scheduler is None:
                workers.run_here(task, study, config.workers, config.failures, look)
            else:
                task = workers.with_features(task, material.features)
                workers.run_on_cluster(task, study, config.scheduler, config.trials, look)
            added = study.done - done
    study.recover()
    reconcile(study, parent)
    if study.done < config.trials:
        say(f"study: time is up after {study.done} of {config.trials} trials")
    return added


def _result(
    config: TuneConfig, split: Split, study: Study, run: Run, encoder_run: Run, folder: Path
) -> dict[str, Any]:
    """Refit, evaluate and register the best trial, unless that was done already."""
    with study.if_last("result") as free:
        if not free:
            say("champion: another 'tune' is finalising this study; waiting")
    with study.alone("result"):
        best, why = chosen(study.complete, config.first)
        known = study.recall(RESULT)
        if known and known["trial"] == best.number and runs.open_run(known["run"]) is not None:
            say(f"champion: reusing run {known['run']}, which refitted trial {best.number}")
            return dict(known)
        from ck19ml.workflows.tuning.champion import refit

        say(f"champion: {why}")
        result = refit(config, split, run, encoder_run, best, folder)
        kept = {"trial": best.number, "value": best.value, "why": why,
                "parameters": best.parameters, **result}  # fmt: skip
        study.remember(RESULT, kept)
        return kept


def _publish(study: Study, at: Runs, result: dict[str, Any]) -> None:
    """Log the study's figures and result on the parent, and on this run if it is another."""
    from ck19ml import plots
    from ck19ml.tuning.figures import study_figures

    table = study.table()
    label = "log loss of a well in inner folds (nats)"
    figures = {"study_history": plots.study_history(
        table["value"].to_numpy(float), list(table["state"]), "minimize", label=label,
    )}  # fmt: skip
    figures |= study_figures(study, "log loss (nats)")
    counts = {"trials/done": float(study.done), "trials/failed": float(study.failed),
              "trials/best_value": float(result["value"])}  # fmt: skip
    best = {f"best.{key}": str(value) for key, value in result["parameters"].items()}
    for target in at.all:
        for name, figure in figures.items():
            target.figure(name, figure)
        target.table("trials", table)
        target.note("champion.yaml", result["champion"])
        target.metrics(counts | key_figures(result["metrics"]), step=study.done)
        target.tags({"ck19ml.model": result["model"], "ck19ml.best_trial": str(result["trial"]),
                     "ck19ml.choice": result["why"]})  # fmt: skip
        target.tags(best)
        look = result.get("look", "") if target.id == result["run"] else ""
        target.describe(f"{result['description']}\n\n{look}".rstrip())


def _rename(at: Runs, dataset: Dataset, study: Study, trials: int) -> None:
    plates = ", ".join(sorted(set(dataset.table["plate"].astype(str))))
    for target in at.all:
        target.rename(f"tune {plates}, {study.done} of {trials} trials")


def _outcome(study: Study, at: Runs, added: int, result: dict[str, Any]) -> Outcome:
    lines = [
        f"study: {study.done} trials (complete or pruned), {added} of them added now, "
        f"{study.failed} failed; best is trial {result['trial']}",
        result["why"],
        *result["description"].splitlines(),
        f"model {result['model']}; run {at.parent.id}; look at it with: ck19ml ui",
    ]
    data = {
        "run": at.own.id,
        "parent": at.parent.id,
        "trials": study.done,
        "added": added,
        "failed": study.failed,
        "best_trial": result["trial"],
        "model": result["model"],
        "promoted": result["promoted"],
        **result["metrics"],
    }
    return Outcome(lines, data)


def _require_safe(place: str | Path) -> None:
    """Refuse a storage that cannot be shared, and a password that MLflow would store."""
    if tuning.has_password(place) and runs.made_by_mlflow_run():
        raise ConfigError(
            f"storage: the URL of {tuning.shown(place)} contains a password, which 'mlflow run' "
            "stores; pass it by PGPASSWORD or ~/.pgpass, and change it"
        )


def _require_first_in_space(config: TuneConfig) -> None:
    space = dict(config.space)
    for name, value in config.first.items():
        choice = space.get(name)
        if choice is None:
            raise ConfigError(
                f"first: '{name}' is not a parameter of the space ({', '.join(space)}); correct it"
            )
        if isinstance(choice, list):
            inside = value in choice
        else:
            inside = not isinstance(value, str) and choice.low <= value <= choice.high
        if not inside:
            raise ConfigError(
                f"first.{name}: {value} is not in the space; change it or widen space.{name}"
            )
    needed = {name for name in space if tuning.applies(name, dict(config.first), WHEN)}
    missing = needed - set(config.first)
    if config.first and missing:
        raise ConfigError(f"first: {min(missing)} is missing; give all that its head has, or none")
    more = set(config.first) - needed
    if more:
        raise ConfigError(f"first: its head has no {min(more)}; leave it out")
