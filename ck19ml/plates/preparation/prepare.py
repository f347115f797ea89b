"""Turn plate folders and their layouts into a dataset, field by field."""

from collections.abc import Sequence
from pathlib import Path

from ck19ml.errors import ConfigError, PlateError, cannot_write
from ck19ml.files.writing import hold, put_in_place, remove
from ck19ml.plates.dataset.store import (
    Dataset,
    is_dataset_folder,
    open_dataset,
    require_replaceable,
)
from ck19ml.plates.preparation.checks import check, require_patches
from ck19ml.plates.preparation.job import Progress, Say, Work
from ck19ml.plates.preparation.runner import Runner, Stopped, local
from ck19ml.plates.preparation.settings import (
    ASKED,
    Network,
    Preparation,
    Source,
    content_fingerprint,
    folders,
    in_order,
    parameters,
    source_fingerprint,
)
from ck19ml.plates.problems import require_none


def open_prepared(
    sources: Sequence[Source],
    target: Path,
    preparation: Preparation,
    *,
    skip_bad: bool = False,
    network: Network | None = None,
) -> Dataset | None:
    """Open the dataset at the target if it was made from these plates by these parameters.

    Returns
    -------
    Dataset or None
        None where there is nothing, or an empty folder.

    Raises
    ------
    ConfigError
        If something else stands there; the message names what differs.
    """
    require_replaceable(target)
    if not is_dataset_folder(target):
        return None
    sources = in_order(sources)
    dataset = open_dataset(target)
    found = _differences(dataset, sources, preparation, skip_bad, network)
    if not found and dataset.info["source_fingerprint"] == source_fingerprint(sources):
        return dataset
    # Copying and touching change the times; what counts is in the files.
    content = dataset.info.get("source_content")
    if not found and content and content == content_fingerprint(sources):
        return dataset
    raise ConfigError(
        f"{target} was not made from {folders(sources)} with these parameters, but with "
        f"{', '.join(found) or 'other images or another layout'}; choose another dataset name or "
        "use --overwrite to replace it"
    )


def _differences(
    dataset: Dataset,
    sources: Sequence[Source],
    preparation: Preparation,
    skip_bad: bool,
    network: Network | None,
) -> list[str]:
    held = dataset.parameters | dataset.info.get("preparation", {})
    wanted = parameters(sources[0], preparation, network) | preparation.measuring
    if dataset.info.get(ASKED) == preparation.patch_size:
        wanted["patch_size"] = held["patch_size"]
    skipped = dataset.info.get("skipped", 0)
    if skipped and skip_bad:
        wanted |= preparation.judging
    found = [f"{key} {held.get(key)} not {v}" for key, v in wanted.items() if held.get(key) != v]
    if skipped and not skip_bad:
        found.append(f"{skipped} skipped fields")
    fields = dataset.fields
    shares = fields[[f"saturated_{name}" for name in dataset.panel.names]].max(axis=1)
    refused = shares > preparation.saturated_limit
    if not preparation.keep_empty:
        refused |= fields["empty"]
    if refused.any():
        found.append(f"{int(refused.sum())} empty or saturated fields")
    return found


def prepare_plates(
    sources: Sequence[Source],
    target: Path,
    preparation: Preparation,
    *,
    skip_bad: bool = False,
    network: Network | None = None,
    run: Runner | None = None,
    progress: Progress | None = None,
    say: Say | None = None,
) -> Dataset:
    """Write the dataset of plates; a dataset that stands at the target is replaced at the end.

    When it is stopped, the folder ``TARGET.partial`` keeps the finished fields, and the same
    call goes on from there.

    Parameters
    ----------
    sources : sequence of Source
        Plates of different names, each with its layout.
    skip_bad : bool
        Whether to go on without the fields that have problems; they are listed in the dataset's
        ``skipped.csv`` then.
    network : Network, optional
        Makes the masks, where `preparation` says so; the dataset keeps a copy of it.
    run : Runner, optional
        Does the work on the fields; by default here, one after the other.
    progress : callable, optional
        Called with the number of fields done and to do.
    say : callable, optional
        Called with a line for the person who waits.

    Raises
    ------
    PlateProblems
        If fields have problems; all of them are named, and nothing is left behind.
    PlateError
        If plates do not fit together, or the dataset cannot be written.
    ConfigError
        If something else than a dataset stands at the target.
    """
    require_replaceable(target)
    sources = in_order(sources)
    checked = [check(source) for source in sources]
    problems = [problem for part in checked for problem in part.problems]
    if not skip_bad:
        require_none(problems)
    asked = preparation.patch_size
    shape, size = require_patches(sources, checked, asked)
    if size != asked:
        preparation = preparation.changed(patch_size=size)
        if say:
            say(
                f"note: fields of {shape[0]} x {shape[1]} pixels are smaller than a patch of "
                f"{asked} x {asked}; patches of {size} x {size} are cut"
            )
    folder = target.with_name(target.name + ".partial")
    goes_on = folder.exists()
    try:
        with hold(folder):
            work = Work(sources, checked, preparation, shape, folder, network, asked)
            try:
                problems += work.run(run or local(1), progress, say)
                if not skip_bad:
                    require_none(problems)
                work.write(problems)
                put_in_place(folder, target)
            except Stopped:
                raise
            except PlateError:
                # What is wrong with a plate stays wrong: nothing of it is worth keeping.
                remove(folder)
                raise
            except ConfigError:
                # The next command may be right; what an earlier one has done is kept for it.
                if not goes_on:
                    remove(folder)
                raise
    except OSError as error:
        raise cannot_write(f"the dataset {target}", error) from error
    return open_dataset(target)
