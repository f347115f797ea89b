"""Patches in memory and on disk make the same batches; those on disk need little memory."""

import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from ck19ml.core.scores.baselines import COUNTS
from ck19ml.networks import training
from ck19ml.networks.batches import (
    ArrayBatches,
    Batches,
    Patches,
    StoredPatches,
    load_patches,
    stored_bytes,
)
from ck19ml.networks.evaluation import evaluate
from ck19ml.networks.scorer import Card, Scorer
from ck19ml.networks.settings import FitSettings
from ck19ml.networks.training import fit
from ck19ml.plates.dataset.arrays import create_arrays, write_field
from ck19ml.plates.dataset.store import Dataset
from tests.places import ROOT

FIELDS, PER_FIELD, SIZE = 12, 5, 16


def made_dataset(
    folder: Path, fields: int = FIELDS, per_field: int = PER_FIELD, size: int = SIZE
) -> Dataset:
    """A dataset of random patches, few different ones, so that it is small on the disk."""
    create_arrays(folder, fields, per_field, size, "uint16")
    rng = np.random.default_rng(6)
    for index in range(fields):
        raw = np.full((per_field, size, size, 2), 255, np.uint16)
        raw[:, : size // 2] = rng.integers(255, 4096, (per_field, size // 2, 1, 2))
        # The first pixels say which patch it is.
        raw[:, 0, 0, 0] = 1000 + index
        raw[:, 0, 1, 0] = 1000 + np.arange(per_field)
        write_field(folder, index, raw, raw > 900)
    well = np.repeat(np.arange(fields), per_field)
    table = pd.DataFrame(
        {
            "plate": "P", "well": [f"A{w + 1:03d}" for w in well], "field": 1,
            "patch": np.tile(np.arange(per_field), fields), "stimulation": "OVA",
            "compound": "", "concentration_um": 0.0, "control": "", "faulty": False,
            "overlap": 0.1,
        }
    )  # fmt: skip
    own = table[["plate", "well", "field"]].drop_duplicates().reset_index(drop=True)
    info = {"content_hash": "0", "parameters": {"patch_size": size}}
    own["sha256"] = own["well"]  # no two fields have the same pixels
    return Dataset(folder, table, own.assign(**dict.fromkeys(COUNTS, 0)), info)


def raw_patches(count: int = 6, size: int = 16) -> NDArray[np.uint16]:
    values = np.random.default_rng(9).integers(255, 4096, (count, size, size, 2))
    return values.astype(np.uint16)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return made_dataset(tmp_path_factory.mktemp("stored") / "d.zarr")


ROWS = np.delete(np.arange(FIELDS * PER_FIELD), [0, 7, 8, 31])
"""As a split has them: not all patches of a field."""


def field_bytes(masked: bool = False) -> int:
    return PER_FIELD * SIZE * SIZE * 2 * (3 if masked else 2)


@pytest.mark.parametrize("masked", [False, True])
def test_patches_on_disk_make_the_batches_of_those_in_memory(
    dataset: Dataset, masked: bool
) -> None:
    stored = StoredPatches(dataset, ROWS, masked=masked, memory=3 * field_bytes(masked))
    masks = dataset.read_masks(ROWS) if masked else None
    known = Patches(dataset.read(ROWS), masks)
    assert len(stored) == len(known) == len(ROWS)
    rng = np.random.default_rng(2)
    for rows in (slice(3, 20), np.arange(9), rng.permutation(len(ROWS))[:17], np.array([5, 5])):
        np.testing.assert_array_equal(stored.batch(rows), known.batch(rows))


def test_an_epoch_reads_each_field_once_and_mixes_those_that_fit(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    original = Dataset.read

    def counted(self: Dataset, rows: NDArray[np.integer]) -> Any:
        read.append(int(rows[0]) // PER_FIELD)
        return original(self, rows)

    monkeypatch.setattr(Dataset, "read", counted)
    stored = StoredPatches(dataset, ROWS, masked=False, memory=4 * field_bytes())
    targets = ROWS.copy()
    batches = Batches(stored, targets, 7, np.random.default_rng(3))
    orders = []
    for _ in range(3):
        read.clear()
        order = np.concatenate([batches[index][1] for index in range(len(batches))])
        assert sorted(order.tolist()) == ROWS.tolist()
        assert len(read) <= FIELDS  # some are still at hand from the epoch before
        assert len(set(read)) == len(read)
        # About 20 patches are shuffled together, of 4 fields.
        assert len(set(order[:12] // PER_FIELD)) >= 3
        orders.append(order.tolist())
        batches.on_epoch_begin()
    assert len({tuple(order) for order in orders}) == 3
    again = Batches(stored, targets, 7, np.random.default_rng(3))
    assert [row for i in range(len(again)) for row in again[i][1]] == orders[0]


def test_a_batch_goes_on_where_its_state_was_taken(dataset: Dataset) -> None:
    stored = StoredPatches(dataset, ROWS, masked=False, memory=4 * field_bytes())
    first = Batches(stored, None, 7, np.random.default_rng(3), augmentation=1)
    first.on_epoch_begin()
    state = json.loads(json.dumps(first.state()))
    first.on_epoch_begin()
    other = Batches(stored, None, 7, np.random.default_rng(99), augmentation=1)
    other.restore(state)
    other.on_epoch_begin()
    np.testing.assert_array_equal(first[2][0], other[2][0])
    np.testing.assert_array_equal(first[2][0], first[2][0])  # whoever asks, and when


def test_augmentation_changes_patches_but_not_what_they_are(dataset: Dataset) -> None:
    known = Patches(dataset.read(ROWS))
    plain = Batches(known, ROWS, 7, np.random.default_rng(3))
    changed = Batches(known, ROWS, 7, np.random.default_rng(3), augmentation=5)
    np.testing.assert_array_equal(plain[0][1], changed[0][1])
    assert not np.array_equal(plain[0][0], changed[0][0])
    own = Batches(known, None, 7, np.random.default_rng(3), augmentation=5)[0]
    np.testing.assert_array_equal(own[0], own[1])  # an autoencoder's target is changed too


def test_memory_decides_where_patches_stay(dataset: Dataset) -> None:
    size = stored_bytes(dataset, masked=True)
    assert size == FIELDS * field_bytes(masked=True)
    kept = load_patches(dataset, ROWS, masked=True, memory_gb=size / 1e9)
    assert isinstance(kept, Patches)
    streamed = load_patches(dataset, ROWS, masked=True, memory_gb=0.99 * size / 1e9)
    assert isinstance(streamed, StoredPatches)


LARGE = {"per_field": 100, "size": 96}


def used_memory() -> int:
    """Bytes of private data of this process, which RLIMIT_DATA limits."""
    (line,) = [x for x in Path("/proc/self/status").read_text().splitlines() if "VmData" in x]
    return int(line.split()[1]) * 1024


def train_within(folder: Path, fields: int, free: int, by_fit: bool = False) -> None:
    """Train and evaluate on a dataset with so many bytes of memory left, in this process.

    With `by_fit` by `fit`, else batch by batch: TensorFlow prefetches as many batches as it finds
    useful by the system's memory, not by the limit; for a network as small as this that was seen
    to take 300 MB.
    """
    dataset = made_dataset(folder, fields, **LARGE)
    card = Card(
        kind="autoencoder", classes=["OVA"], patch_size=LARGE["size"], background=255, bit_depth=12,
        mask="otsu", masked=False, interaction_threshold=0.2, wells={}, dataset={}, seed=1,
        software="",
    )  # fmt: skip
    training.seed_everything(1)
    network = keras.Sequential(
        [
            keras.Input((LARGE["size"], LARGE["size"], 2)),
            keras.layers.Conv2D(2, 1, activation="sigmoid"),
        ]
    )
    network.compile("adam", "binary_crossentropy")

    def train(patches: Patches | StoredPatches) -> None:
        batches = Batches(patches, None, 16, np.random.default_rng(1))
        if by_fit:
            fit(
                network,
                batches,
                None,
                FitSettings(epochs=1, least_steps=1, batch_size=16),
                loss="binary_crossentropy",
            )
            return
        for index in range(len(batches)):
            network.train_on_batch(*batches[index])

    train(Patches(dataset.read(np.arange(64))))  # what the libraries take, they take now
    evaluate(Scorer(network, card), dataset, np.arange(600))
    limit = used_memory() + free
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    rows = np.arange(len(dataset.table))
    try:
        load_patches(dataset, rows, masked=False, memory_gb=1e3)
        in_memory = True
    except MemoryError:
        in_memory = False
    patches = load_patches(dataset, rows, masked=False, memory_gb=free / 4e9)
    train(patches)
    bce = evaluate(Scorer(network, card), dataset, rows).scores["bce"].value
    size = stored_bytes(dataset, masked=False)
    print(json.dumps({"in_memory": in_memory, "bce": bce, "dataset": size,
                      "limit": limit, "free": free}))  # fmt: skip


# What is freed goes back to the system, and is not kept for each thread.
FRUGAL = {"OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2", "MALLOC_MMAP_THRESHOLD_": "131072"}


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux' /proc")
def test_a_dataset_four_times_the_memory_is_trained_on(tmp_path: Path) -> None:
    free, field = 200_000_000, 100 * 96 * 96 * 2 * 2
    fields = 4 * free // field + 1
    code = (
        "import sys; from pathlib import Path\n"
        "from tests.networks.test_batches import train_within\n"
        "train_within(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))"
    )
    made = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "d.zarr", str(fields), str(free)],
        cwd=ROOT, env=os.environ | FRUGAL, capture_output=True, text=True,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr[-3000:]
    found = json.loads(made.stdout.splitlines()[-1])
    assert found["dataset"] >= 4 * free
    assert not found["in_memory"], "the limit must bite for this test to mean something"
    assert 0 < found["bce"] < 1


def test_masked_patches_are_exactly_zero_outside_and_unchanged_inside() -> None:
    raw = raw_patches()
    masks = np.random.default_rng(1).random(raw.shape) < 0.4
    plain = Patches(raw).batch(slice(None))
    masked = Patches(raw, masks).batch(slice(None))
    assert masked.dtype == np.float32
    assert np.all(masked[~masks] == 0)
    np.testing.assert_array_equal(masked[masks], plain[masks])
    assert plain.min() == 0
    assert plain.max() == 1


def test_batches_without_a_generator_keep_the_order_and_leave_nothing_out() -> None:
    raw = raw_patches(5)
    targets = np.arange(5)
    batches = Batches(Patches(raw), targets, 2, class_weights=np.arange(5) * 10.0)
    parts = [batches[index] for index in range(len(batches))]
    assert [len(part[0]) for part in parts] == [2, 2, 1]
    assert np.concatenate([part[1] for part in parts]).tolist() == [0, 1, 2, 3, 4]
    assert np.concatenate([part[2] for part in parts]).tolist() == [0, 10, 20, 30, 40]
    whole = Patches(raw).batch(slice(None))
    np.testing.assert_array_equal(np.concatenate([part[0] for part in parts]), whole)


def test_batches_with_a_generator_draw_a_new_order_each_epoch_with_targets_that_follow() -> None:
    raw = raw_patches(40, 4)
    targets = 100 + np.arange(40)
    batches = Batches(Patches(raw), targets, 40, np.random.default_rng(0))
    orders = []
    for _ in range(2):
        x, y = batches[0]
        assert sorted(y) == sorted(targets)
        rows = (y - 100).tolist()
        np.testing.assert_array_equal(x, Patches(raw).batch(np.array(rows)))
        orders.append(rows)
        batches.on_epoch_begin()
    assert orders[0] != orders[1]
    again = Batches(Patches(raw), targets, 40, np.random.default_rng(0))
    np.testing.assert_array_equal(again[0][1], targets[orders[0]])


def test_batches_without_targets_ask_for_the_patches_themselves() -> None:
    x, y = Batches(Patches(raw_patches()), None, 4)[0]
    np.testing.assert_array_equal(x, y)


def test_few_rows_are_gone_round_until_there_are_enough_batches() -> None:
    rows = np.arange(10)
    batches = ArrayBatches((rows,), 4, np.random.default_rng(0))
    batches.at_least(6)
    batches.on_epoch_begin()
    seen = np.concatenate([batches[index][0] for index in range(len(batches))])
    assert len(batches) == 8  # three times round: 30 rows
    assert np.bincount(seen).tolist() == [3] * 10
    assert sorted(seen[:10]) == list(range(10))
    batches.at_least(2)
    batches.on_epoch_begin()
    assert len(batches) == 3
    fixed = ArrayBatches((rows,), 4)
    fixed.at_least(6)
    assert len(fixed) == 3
