"""Configs, their overrides, and the options of the command line."""

from collections.abc import Sequence
from pathlib import Path

from ck19ml.plates.layouts.reading import write_layout
from tests.badinput.case import Case
from tests.badinput.spoiling import mode, pipe, write
from tests.plates.made_plates import labels

OF_CONFIGS = (
    "autoencoder", "classifier", "regressor", "unet", "tune", "masks", "masking", "contact",
    "pretraining",
)  # fmt: skip


def laughs(levels: int = 30) -> str:
    """Anchors that double with each line: 30 lines stand for a billion values."""
    lines = ["a0: &a0 [x, x]"]
    lines += [f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, levels)]
    return "\n".join(lines)


FILES: dict[str, tuple[str | bytes, Sequence[str]]] = {
    "is no YAML": ("dataset: [d.zarr\n", ("not valid YAML",)),
    "is in Latin-1": ("dataset: Größe\n".encode("latin-1"), ("not valid YAML",)),
    "is in UTF-16": ("dataset: d.zarr\n".encode("utf-16"), ("YAML",)),
    "has a null byte": (b"dataset: d\0.zarr\n", ("YAML",)),
    "is empty": ("", ("keys and values",)),
    "is a list": ("- dataset", ("keys and values", "list")),
    "is one word": ("dataset", ("keys and values", "str")),
    "is a number": ("3", ("keys and values", "int")),
    "has two documents": ("dataset: d.zarr\n---\nseed: 3\n", ("YAML",)),
    "makes Python objects": ("dataset: !!python/object/apply:os.getcwd []\n", ("YAML",)),
    "has a date that is none": ("dataset: 2024-99-99\n", ("YAML",)),
    "has a number of a wrong kind": ("seed: !!int x\n", ("YAML",)),
    "has a list as a key": ("? [a]\n: 3\n", ("YAML",)),
    "has numbers as keys": ("dataset: d.zarr\n3: 4\n", ("'3'",)),
    "has a key twice": ("dataset: d.zarr\nseed: 1\nseed: 2\n", ("'seed'", "repeated")),
    "has a key of a part twice": ("dataset: d.zarr\nfit: {epochs: 1, epochs: 9}", ("'epochs'",)),
    "has anchors that explode": (f"dataset: d.zarr\n{laughs()}\n", ("more than",)),
    "has anchors that explode in a known key": (
        f"dataset: d.zarr\n{laughs()}\nclasses: *a29\n", ("more than",),
    ),
    "holds itself": ("dataset: d.zarr\nfit: &a {fit: *a}\n", ("itself",)),
    "is nested a thousand deep": ("dataset: " + "[" * 1000 + "]" * 1000, ("deep",)),
    "is nested a hundred thousand deep": ("dataset: " + "[" * 100_000, ("deep",)),
    "has 2 MB": ("dataset: d.zarr\n" + "# x\n" * 500_000, ("256 KiB",)),
    "has a number of 5,000 digits": ("dataset: d.zarr\nseed: " + "9" * 5_000, ("c.yaml",)),
    "has a value of 100 kB": ("dataset: d.zarr\nseed: " + "x" * 100_000, ("seed",)),
    "has an unknown key": (
        "dataset: d.zarr\nfine_tnue: yes\n", ("'fine_tnue'", "did you mean 'fine_tune'?"),
    ),
    "has an unknown key in a part": (
        "dataset: d.zarr\nfit: {epoch: 1}\n", ("'fit.epoch'", "did you mean 'epochs'?"),
    ),
    "lacks the dataset": ("seed: 3\n", ("dataset",)),
    "has no dataset": ("dataset:\n", ("dataset",)),
    "has a list as the dataset": ("dataset: [d.zarr]\n", ("dataset",)),
    "has a null byte in a path": ('dataset: "d\\0.zarr"\n', ("d\\x00.zarr",)),
}  # fmt: skip

VALUES = {
    "fit.epochs=0": "fit.epochs",
    "fit.epochs=1.5": "fit.epochs",
    "fit.epochs=many": "fit.epochs",
    "fit.epochs=[1]": "fit.epochs",
    "fit.epochs=": "fit.epochs",
    "fit.learning_rate=.nan": "fit.learning_rate",
    "fit.learning_rate=-.inf": "fit.learning_rate",
    "fit.batch_size=-32": "fit.batch_size",
    "fit=3": "fit",
    "split.validation=0.9": "split",
    "split.test=1": "split.test",
    "split.by=patch": "split.by",
    "split.fold=7": "split",
    "seed=-1": "seed",
    "seed=1e99": "seed",
    "classes=[OVA]": "classes",
    "classes=[OVA, OVA]": "OVA",
    "classes=OVA": "classes",
    "head.dropout=1": "head.dropout",
    "encoder=null": "fine_tune",
    "interaction_threshold=20%": "interaction_threshold",
    "temperature=0": "temperature",
    "fit.epoch=3": "did you mean 'epochs'?",
    "fit.epochs.more=3": "fit.epochs",
    "fit..epochs=3": "key.path=value",
    "fit.epochs": "key.path=value",
    "=3": "key.path=value",
    "seed=[": "seed=[",
    "seed=*a": "seed=*a",
}
"""Overrides of a classifier's config, and what the line names."""

USAGE: dict[str, tuple[str, Sequence[str]]] = {
    "an unknown command": ("tuna", ("tuna",)),
    "an unknown option": ("evaluate m d.zarr --figure x", ("--figure",)),
    "an option without a value": ("predict m plate --out", ("--out",)),
    "no option where one must be": ("predict m plate", ("--out",)),
    "no argument": ("layout", ("ck19ml layout --help",)),
    "an argument too many": ("evaluate m d.zarr more", ("more",)),
    "a word for the number of workers": (
        "prepare plate new.zarr --workers two", ("--workers",),
    ),
    "no workers": ("prepare plate new.zarr --workers 0", ("workers",)),
    "half a patch": ("prepare plate new.zarr --patch-size 96.5", ("--patch-size",)),
    "a patch that the networks cannot take": (
        "prepare plate new.zarr --patch-size 100", ("patch_size",),
    ),
    "a negative patch": ("prepare plate new.zarr --patch-size -16", ("patch_size",)),
    "an unknown mask method": ("prepare plate new.zarr --mask magic", ("mask", "'magic'")),
    "a limit that is no number": (
        "prepare plate new.zarr --saturated-limit nan", ("saturated_limit",),
    ),
    "a limit above all": ("prepare plate new.zarr --saturated-limit 2", ("saturated_limit",)),
    "thresholds that are no mapping": ("prepare plate new.zarr --quality focus", ("quality",)),
    "thresholds that are no YAML": ("prepare plate new.zarr --quality '{'", ("quality",)),
    "an unknown threshold": ("prepare plate new.zarr --quality '{sharp: 1}'", ("'quality.sharp'",)),
    "a threshold of nothing": (
        "prepare plate new.zarr --quality '{focus: .nan}'", ("quality.focus",),
    ),
    "an unknown layout to simulate": ("simulate new --layout ck20", ("'ck20'", "ck19")),
    "a field too small to simulate": (
        "simulate new --layout plate/layout.csv --size 100", ("192", "100"),
    ),
    "a field too large to simulate": ("simulate new --size 10000000 --wells 3", ("size",)),
    "a negative field to simulate": ("simulate new --size -5", ("size",)),
    "too few wells to simulate": ("simulate new --wells 2", ("wells",)),
    "some wells to simulate": ("simulate new --wells some", ("wells",)),
    "more wells than the layout has": (
        "simulate new --layout plate/layout.csv --wells 99", ("wells", "99"),
    ),
    "a negative seed": ("simulate new --wells 3 --seed -1", ("seed",)),
    "a seed beyond all": ("simulate new --wells 3 --seed 99999999999999999999", ("seed",)),
    "no trials": ("tune -c t.yaml --trials 0", ("trials",)),
    "trials of a wrong kind": ("tune -c t.yaml --trials few", ("--trials",)),
    "a timeout in the past": ("tune -c t.yaml --timeout -5", ("timeout",)),
    "a timeout that is no number": ("tune -c t.yaml --timeout nan", ("timeout",)),
    "a dataset without a name to tune": ("tune -c t.yaml -s dataset=.", ("dataset", "'.'")),
    "a dataset without a name to compare": (
        "masking -c t.yaml -s dataset=/ -s plate=plate", ("dataset",),
    ),
    "no workers to tune": ("tune -c t.yaml --workers 0", ("workers",)),
    "a storage of an unknown kind": ("tune -c t.yaml --storage mysql://x/y", ("mysql",)),
    "one fold": ("classifier -c c.yaml --folds 1", ("split.folds",)),
    "a false discovery rate of 2": ("screen m d.zarr --fdr 2", ("false discovery",)),
    "a false discovery rate of nothing": ("screen m d.zarr --fdr nan", ("false discovery",)),
    "features that are no Parquet": ("features m d.zarr --out f.csv", ("f.csv", ".parquet")),
    "a port that is none": ("ui --port 99999", ("--port", "65535")),
    "a negative port": ("ui --port -1", ("--port",)),
    "a port that is a word": ("ui --port http", ("--port",)),
    "a port of the dashboard that is none": ("dashboard --port 0", ("--port",)),
    "a scheduler that is none": (
        "prepare plate new.zarr --patch-size 16 --scheduler nonsense://x", ("nonsense://x",),
    ),
}  # fmt: skip


def unknown_stimulation(work: Path) -> None:
    write_layout(labels(["A01", "A02"], "LPS"), work / "lps.csv")


OTHERS: dict[str, tuple[str, str, str]] = {
    "a negative density": ("contact", "densities: {low: -1}", "densities.low"),
    "an endless density": ("contact", "densities: {low: 1.0e+9}", "densities.low"),
    "an unknown mask": ("contact", "masks: [magic]", "'magic'"),
    "no methods": ("masks", "methods: []", "methods"),
    "an unknown method": ("masks", "methods: [magic]", "'magic'"),
    "noise of nothing": ("masks", "conditions: {a: {noise: 0}}", "conditions.a.noise"),
    "one well": ("masks", "wells: 1", "wells"),
    "an unknown target": ("unet", "target: magic", "'magic'"),
    "an odd crop": ("unet", "crop: 17", "crop"),
    "a span that is turned": ("unet", "conditions: {noise: [3, 1]}", "conditions.noise"),
    "a span that is no number": ("unet", "conditions: {noise: [.nan, 1]}", "conditions.noise"),
    "a share of nothing": ("pretraining", "{dataset: d.zarr, shares: [0]}", "shares"),
    "an unknown parameter to begin with": ("tune", "first: {magic: 3}", "'magic'"),
    "a value to begin with beyond the space": ("tune", "first: {units: 7}", "first.units"),
    "a range that is turned": ("tune", "space: {units: {low: 5, high: 1}}", "space.units"),
    "a range of nothing": ("tune", "space: {units: []}", "space.units"),
    "an unknown pruner": ("tune", "pruner: axe", "pruner"),
    "a plate to simulate of no layout": (
        "tune", "{plate: newplate, simulate: {layout: ck77}}", "'ck77'",
    ),
    "an unknown architecture": ("autoencoder", "{dataset: d, architecture: x}", "architecture"),
    "an unknown head": ("regressor", "{dataset: d, head: x}", "head"),
    "an unknown measure": ("regressor", "{dataset: d, target: joy}", "target"),
    "the regressor of earlier versions": (
        "tune", "regressor_fit: {epochs: 1}", "'ck19ml regressor'",
    ),
}  # fmt: skip
"""Of the other commands: command, config, and what the line names."""

CASES = (
    {
        f"configs: the file {name}": Case("classifier -c c.yaml", ("c.yaml", *says), 2,
                                          write("c.yaml", text))
        for name, (text, says) in FILES.items()
    }
    | {
        f"configs: -s {given}": Case(f"classifier -c c.yaml -s '{given}'", (says,), 2)
        for given, says in VALUES.items()
    }
    | {
        f"configs: {command}: {name}": Case(
            f"{command} -c x.yaml", (words,), 2, write("x.yaml", text)
        )
        for name, (command, text, words) in OTHERS.items()
    }
    | {f"usage: {name}": Case(arguments, tuple(says), 2)
       for name, (arguments, says) in USAGE.items()}
    | {
        f"configs: {command}: there is none": Case(
            f"{command} -c nosuch.yaml", ("nosuch.yaml", "check the path"), 2
        )
        for command in OF_CONFIGS
    }
    | {
        f"configs: {command}: an unknown key": Case(
            f"{command} -c x.yaml", ("x.yaml", "'sead'"), 2, write("x.yaml", "sead: 3\n")
        )
        for command in OF_CONFIGS
    }
    | {
        "configs: the file is a folder": Case("tune -c plate", ("plate",), 2),
        "configs: the file is a pipe": Case("tune -c pipe", ("pipe",), 2, pipe("pipe")),
        "configs: the file is endless": Case(
            "tune -c zero", ("zero",), 2, lambda work: (work / "zero").symlink_to("/dev/zero")
        ),
        "configs: the file may not be read": Case(
            "tune -c c.yaml", ("c.yaml", "Permission denied"), 2, mode("c.yaml", 0), as_user=True
        ),
        "usage: a layout to simulate with too long a name": Case(
            f"simulate new --layout {'x' * 300}", ("xxx", "too long")
        ),
        "usage: a stimulation that cannot be simulated": Case(
            "simulate new --layout lps.csv --size 192",
            ("'LPS'", "Unstimulated, OVA, ConA", "layout"), 2, unknown_stimulation,
        ),
        "plates: plate.yaml has anchors that explode": Case(
            "prepare plate new.zarr", ("plate.yaml", "more than"),
            spoil=write("plate/plate.yaml", laughs()),
        ),
        "usage: thresholds with anchors that explode": Case(
            f"prepare plate new.zarr --quality '{laughs()}'", ("quality", "more than"), 2
        ),
    }
)  # fmt: skip
