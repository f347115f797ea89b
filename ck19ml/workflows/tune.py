"""The main job: from a plate folder to a tuned, registered, evaluated champion."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ck19ml import tuning
from ck19ml.config import TuneConfig
from ck19ml.core.fingerprint import fingerprint
from ck19ml.errors import ConfigError
from ck19ml.plates.folder import find_plate
from ck19ml.plates.store import Dataset
from ck19ml.tracking import runs
from ck19ml.tracking.runs import Run
from ck19ml.tuning import Space, Study
from ck19ml.workflows.data import Outcome, describe_dataset, prepare, prepared, simulate
from ck19ml.workflows.progress import say
from ck19ml.workflows.wells import Split, split_dataset

PARENT = "parent_run"
RESULT = "result"


def tune_command(config: TuneConfig, storage: Path | None) -> Outcome:
    """Run the main job; what is done already is found and not done again."""
    _require_first_in_space(config)
    if config.simulate is not None and not config.plate.exists():
        say(simulate(config.plate, config.simulate, overwrite=False).lines[0])
    plate = find_plate(config.plate, strict=not config.prepare.skip_bad)
    dataset = prepared(plate, config.dataset, config.prepare)
    # Beside the dataset, where the next call looks for it.
    journal = storage or config.dataset.with_suffix(".study") / "optuna.journal"
    if dataset is not None:
        with _study(config, dataset, journal) as study:
            parent = _parent(study)
            resume = None if runs.made_by_mlflow_run() else parent
            with _start(config, resume) as run:
                return _tune(config, dataset, study, run, journal.parent)
    with _start(config, None) as run:
        settings = config.prepare.model_dump(mode="json")
        with runs.start(f"prepare {plate.name}", "prepare", settings) as step:
            dataset = prepare(plate, config.dataset, config.prepare)
            describe_dataset(step, dataset)
        with _study(config, dataset, journal) as study:
            return _tune(config, dataset, study, run, journal.parent)


def _start(config: TuneConfig, resume: Run | None) -> Any:
    name = f"tune {config.dataset.stem}"
    return runs.start(name, "tune", config.model_dump(mode="json"), resume=resume)


@contextmanager
def _study(config: TuneConfig, dataset: Dataset, journal: Path) -> Iterator[Study]:
    """Open the study of this config on this data: its name says all that its trials depend on."""
    own = config.model_dump(
        mode="json",
        include={"autoencoder", "split", "classes", "space", "first", "epochs",
                 "fine_tune_epochs", "patience", "seed"},
    )  # fmt: skip
    name = f"tune-{fingerprint(own, dataset.content_hash)}"
    with tuning.open_study(journal, name, seed=config.seed, first=config.first) as study:
        yield study


def _parent(study: Study) -> Run | None:
    known = study.recall(PARENT)
    return None if known is None else runs.open_run(known)


def _tune(config: TuneConfig, dataset: Dataset, study: Study, run: Run, folder: Path) -> Outcome:
    from ck19ml.workflows.autoencoder import autoencoder_step

    parent = _parent(study) or run
    study.remember(PARENT, parent.id)
    say(_repair(study, parent))
    split = split_dataset(dataset, config.split, config.classes)
    encoder_run, _ = autoencoder_step(config.autoencoder, split, config.seed)
    run.tags({"ck19ml.study": study.inner.study_name, "ck19ml.study_run": parent.id,
              "ck19ml.autoencoder_run": encoder_run.id})  # fmt: skip
    if parent.id != run.id:
        parent.reopen()
    state = "KILLED"
    try:
        added = 0
        if study.done < config.trials:
            from ck19ml.workflows.trials import run_trials

            added = run_trials(config, split, study, parent, encoder_run, folder)
        else:
            say(f"study: {study.done} trials, as many as asked for; none added")
        result = _result(config, split, study, run, encoder_run, folder)
        _publish(study, run, parent, result)
        state = "FINISHED"
    finally:
        if parent.id != run.id:
            parent.end(state)
    return _outcome(study, run, parent, added, result)


def _repair(study: Study, parent: Run) -> str:
    """End the runs of trials whose process died, and say so."""
    dead = study.recover()
    states = study.table().set_index("trial")["state"].to_dict() if len(study.table()) else {}
    repaired = 0
    for child in parent.children("trial"):
        if child.state == "RUNNING":
            number = int(child.tag("ck19ml.trial") or -1)
            child.end(MLFLOW_STATES.get(states.get(number, ""), "KILLED"))
            repaired += 1
    if not dead and not repaired:
        return f"study: {study.done} trials so far"
    return (
        f"study: {study.done} trials so far; {len(dead)} left running by a process that died are "
        "tried again"
    )


MLFLOW_STATES = {"complete": "FINISHED", "pruned": "KILLED", "fail": "FAILED"}


def _result(
    config: TuneConfig, split: Split, study: Study, run: Run, encoder_run: Run, folder: Path
) -> dict[str, Any]:
    """Refit, evaluate and register the best trial, unless that was done already."""
    best = study.best
    known = study.recall(RESULT)
    if known and known["trial"] == best.number and runs.open_run(known["run"]) is not None:
        say(f"champion: run {known['run']} refitted and evaluated trial {best.number} already")
        return dict(known)
    from ck19ml.workflows.champion import refit

    result = refit(config, split, run, encoder_run, best, folder)
    kept = {"trial": best.number, "value": best.value, "parameters": best.parameters, **result}
    study.remember(RESULT, kept)
    return kept


def _publish(study: Study, run: Run, parent: Run, result: dict[str, Any]) -> None:
    """Put the study's figures and the result on the parent, and on this run if it is another."""
    from ck19ml import plots

    table = study.table()
    figure = plots.study_history(
        table["value"].to_numpy(float), list(table["state"]), "minimize",
        label="validation log loss of a patch (nats)",
    )  # fmt: skip
    counts = {"trials/done": float(study.done), "trials/failed": float(study.failed),
              "trials/best_value": float(result["value"])}  # fmt: skip
    best = {f"best.{key}": str(value) for key, value in result["parameters"].items()}
    for target in dict.fromkeys((parent, run)):
        target.figure("study_history", figure)
        target.table("trials", table)
        target.metrics(counts | result["metrics"], step=study.done)
        target.tags({"ck19ml.model": result["model"], "ck19ml.best_trial": str(result["trial"])})
        target.tags(best)
        target.describe(result["description"])


def _outcome(study: Study, run: Run, parent: Run, added: int, result: dict[str, Any]) -> Outcome:
    lines = [
        f"study: {study.done} trials (complete or pruned), {added} of them added now, "
        f"{study.failed} failed; best is trial {result['trial']}",
        *result["description"].splitlines(),
        f"model {result['model']}; run {parent.id}; look at it with: ck19ml ui",
    ]
    data = {
        "run": run.id,
        "parent": parent.id,
        "trials": study.done,
        "added": added,
        "failed": study.failed,
        "best_trial": result["trial"],
        "model": result["model"],
        "promoted": result["promoted"],
        **result["metrics"],
    }
    return Outcome(lines, data)


def space_of(config: TuneConfig) -> Space:
    """Turn the config's search space into the study's."""
    return {
        name: value if isinstance(value, list) else tuning.Range(value.low, value.high, value.log)
        for name, value in config.space
    }


def _require_first_in_space(config: TuneConfig) -> None:
    space = space_of(config)
    for name, value in config.first.items():
        choice = space.get(name)
        if choice is None:
            raise ConfigError(
                f"first: expected parameters of the space ({', '.join(space)}), found '{name}'"
            )
        inside = value in choice if isinstance(choice, list) else choice.low <= value <= choice.high
        if not inside:
            raise ConfigError(
                f"first.{name}: expected a value of the space, found {value}; change it or widen "
                f"space.{name}"
            )
    missing = set(space) - set(config.first)
    if config.first and missing:
        raise ConfigError(f"first: expected all parameters or none, found no {min(missing)}")
