import dataclasses
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from ck19ml.config import (
    AutoencoderConfig,
    ClassifierConfig,
    ContactConfig,
    MaskingConfig,
    MasksConfig,
    PrepareConfig,
    PretrainingConfig,
    RegressorConfig,
    SimulateConfig,
    SplitConfig,
    TuneConfig,
    UnetConfig,
    build_config,
    load_config,
)
from ck19ml.config.tune import FIRST
from ck19ml.core.settings import Frozen, Range
from ck19ml.errors import ConfigError
from ck19ml.networks.settings import FitSettings
from tests.places import ROOT

EXPERIMENTS = sorted((ROOT / "experiments").glob("*.yaml"))
KINDS: dict[str, type[Frozen]] = {
    "autoencoder": AutoencoderConfig,
    "classifier": ClassifierConfig,
    "regressor": RegressorConfig,
    "tune": TuneConfig,
    "unet": UnetConfig,
    "masks": MasksConfig,
    "masking": MaskingConfig,
    "pretraining": PretrainingConfig,
    "contact": ContactConfig,
}
CLASSIFIER = {"dataset": "data/plate.zarr"}


def error_of(kind: type[Frozen], content: object, overrides: tuple[str, ...] = ()) -> str:
    """The one line that a config of this content ends in."""
    with pytest.raises(ConfigError) as caught:
        build_config(kind, content, "c.yaml")  # type: ignore[arg-type]
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith("c.yaml: ")
    return message


def written(folder: Path, text: str) -> Path:
    path = folder / "c.yaml"
    path.write_text(text, encoding="utf-8")
    return path


class TestExperiments:
    @pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda path: path.name)
    def test_each_loads_by_the_command_that_its_first_line_names(self, path: Path) -> None:
        first = path.read_text(encoding="utf-8").splitlines()[0]
        match = re.match(rf"# ck19ml (\w+) -c experiments/{re.escape(path.name)}", first)
        assert match, f"expected the command in the first line, found {first!r}"
        load_config(KINDS[match[1]], path)

    def test_every_command_with_a_config_has_its_default_experiment(self) -> None:
        names = {path.stem for path in EXPERIMENTS}
        assert set(KINDS) <= names

    def test_the_first_trial_of_the_tuning_lies_in_its_space(self) -> None:
        config = load_config(TuneConfig, EXPERIMENTS[0].parent / "tune.yaml")
        space = dict(config.space)
        assert config.first == FIRST
        for name, value in config.first.items():
            choice = space[name]
            inside = (
                choice.low <= value <= choice.high if isinstance(choice, Range) else value in choice
            )
            assert inside, name


class TestUnknownKeys:
    @pytest.mark.parametrize(
        ("content", "key", "nearest"),
        [
            ({"trails": 3}, "trails", "trials"),
            ({"Seed": 3}, "Seed", "seed"),
            ({"autoencoder": {"mask": True}}, "autoencoder.mask", "masked"),
            ({"autoencoder": {"fit": {"epoch": 1}}}, "autoencoder.fit.epoch", "epochs"),
            ({"simulate": {"well": 30}}, "simulate.well", "wells"),
            ({"prepare": {"patchsize": 96}}, "prepare.patchsize", "patch_size"),
            ({"space": {"unit": [1]}}, "space.unit", "units"),
            ({"space": {"units": {"lo": 1, "high": 2}}}, "space.units.lo", "low"),
            ({"space": {"dropout": {"low": 0, "hihg": 1}}}, "space.dropout.hihg", "high"),
        ],
    )
    def test_the_nearest_known_key_is_named(
        self, content: dict[str, object], key: str, nearest: str
    ) -> None:
        message = error_of(TuneConfig, content)
        assert f"unknown key '{key}'; did you mean '{nearest}'?" in message

    def test_where_none_is_near_all_are_named(self) -> None:
        message = error_of(SplitConfig, {"xyzzy": 1})
        assert (
            "unknown key 'xyzzy'; known keys: audit, by, fold, folds, seed, test, validation"
            in message
        )

    def test_a_nested_key_is_compared_with_the_keys_of_its_own_place(self) -> None:
        # 'plate' is known at the top only.
        message = error_of(TuneConfig, {"split": {"plate": 1}})
        assert "known keys: audit, by, fold, folds, seed, test, validation" in message


class TestRanges:
    @pytest.mark.parametrize(
        ("kind", "content", "key"),
        [
            (TuneConfig, {"trials": 0}, "trials"),
            (TuneConfig, {"trials": 2.5}, "trials"),
            (TuneConfig, {"trials": "many"}, "trials"),
            (TuneConfig, {"failures": -1}, "failures"),
            (TuneConfig, {"seed": -1}, "seed"),
            (TuneConfig, {"seed": 2**32}, "seed"),
            (TuneConfig, {"promote": "sometimes"}, "promote"),
            (TuneConfig, {"classes": ["OVA"]}, "classes"),
            (TuneConfig, {"classes": ["OVA", "OVA"]}, "classes"),
            (TuneConfig, {"interaction_threshold": 1}, "interaction_threshold"),
            (TuneConfig, {"space": {"units": []}}, "space.units"),
            (TuneConfig, {"space": {"units": "many"}}, "space.units"),
            (TuneConfig, {"space": {"units": {"low": 4, "high": 4}}}, "space.units"),
            (TuneConfig, {"space": {"dropout": {"low": float("nan"), "high": 1}}}, "space.dropout"),
            (TuneConfig, {"first": {"units": "many"}}, "first.units"),
            (Range, {"low": 0, "high": 1, "log": True}, "low must be below high and above 0"),
            (SplitConfig, {"validation": 0}, "validation"),
            (SplitConfig, {"test": 1}, "test"),
            (SplitConfig, {"validation": 0.5, "test": 0.5}, "validation + test must be below 1"),
            (SimulateConfig, {"wells": 2}, "wells"),
            (SimulateConfig, {"size": 63}, "size"),
            (PrepareConfig, {"mask": "magic"}, "mask"),
            (PrepareConfig, {"patch_size": 100}, "patch_size"),
            (PrepareConfig, {"workers": 0}, "workers"),
            (PrepareConfig, {"quality": {"focus": -1}}, "quality.focus"),
            (FitSettings, {"epochs": 0}, "epochs"),
            (FitSettings, {"learning_rate": 0}, "learning_rate"),
            (FitSettings, {"cosine": True}, "cosine needs early_stopping: false"),
            (FitSettings, {"learning_rate": float("inf")}, "learning_rate"),
            (FitSettings, {"learning_rate": float("nan")}, "learning_rate"),
            (ClassifierConfig, {}, "dataset"),
            (ClassifierConfig, CLASSIFIER | {"architecture": "resnet"}, "architecture"),
            (ClassifierConfig, CLASSIFIER | {"head": {"dropout": 1}}, "head.dropout"),
            (ClassifierConfig, CLASSIFIER | {"encoder": None}, "fine_tune must be true"),
            (
                RegressorConfig,
                CLASSIFIER | {"encoder": None, "head": "study"},
                "fine_tune must be true",
            ),
        ],
        ids=str,
    )
    def test_a_value_out_of_range_is_refused_with_its_key(
        self, kind: type[Frozen], content: dict[str, object], key: str
    ) -> None:
        assert error_of(kind, content).startswith(f"c.yaml: {key}")

    def test_what_was_found_is_said_once(self) -> None:
        assert error_of(SplitConfig, {"validation": 0.5, "test": 0.5}).count("found") == 1
        assert error_of(TuneConfig, {"trials": 0}).count("found") == 1

    def test_a_fresh_encoder_that_is_trained_is_fine(self) -> None:
        config = build_config(
            ClassifierConfig, CLASSIFIER | {"encoder": None, "fine_tune": True}, "c.yaml"
        )
        assert config.encoder is None

    def test_choices_and_ranges_keep_their_kinds(self) -> None:
        content = {
            "space": {
                "units": {"low": 16, "high": 64},
                "dropout": [0, 0.5],
                "learning_rate": {"low": "1e-4", "high": 1.0e-2, "log": True},
                "fine_tune": [False],
            }
        }
        space = build_config(TuneConfig, content, "c.yaml").space
        assert space.units == Range(low=16, high=64)
        assert isinstance(space.units.low, int)
        assert space.dropout == [0, 0.5]
        assert space.learning_rate == Range(low=1e-4, high=1e-2, log=True)
        assert space.fine_tune == [False]
        assert type(space.fine_tune[0]) is bool


class TestOverrides:
    def load(self, folder: Path, *overrides: str) -> TuneConfig:
        text = "trials: 5\nautoencoder: {fit: {epochs: 2}}\nsimulate: null\n"
        return load_config(TuneConfig, written(folder, text), overrides)

    def test_they_reach_nested_keys_and_leave_the_others(self, tmp_path: Path) -> None:
        config = self.load(tmp_path, "autoencoder.fit.batch_size=8", "trials = 7")
        assert config.autoencoder.fit == FitSettings(epochs=2, batch_size=8)
        assert config.trials == 7

    def test_they_make_what_the_file_leaves_out(self, tmp_path: Path) -> None:
        assert self.load(tmp_path, "split.test=0.3").split.test == 0.3

    def test_values_are_read_as_yaml(self, tmp_path: Path) -> None:
        config = self.load(
            tmp_path, "classes=[OVA, ConA]", "autoencoder.masked=true", "plate=my plate",
            "space.dropout={low: 0.1, high: 0.2}", "autoencoder.fit.learning_rate=1e-4",
        )  # fmt: skip
        assert config.classes == ["OVA", "ConA"]
        assert config.autoencoder.masked is True
        assert config.plate == [Path("my plate")]
        assert config.space.dropout == Range(low=0.1, high=0.2)
        assert config.autoencoder.fit.learning_rate == 1e-4

    def test_plates_are_one_or_several_and_shown_as_they_were_given(self, tmp_path: Path) -> None:
        one, two = self.load(tmp_path, "plate=a"), self.load(tmp_path, "plate=[a, b]")
        assert (one.plate, two.plate) == ([Path("a")], [Path("a"), Path("b")])
        assert one.model_dump(mode="json")["plate"] == "a"
        assert two.model_dump(mode="json")["plate"] == ["a", "b"]
        with pytest.raises(ConfigError, match="plate"):
            self.load(tmp_path, "plate=[]")

    def test_the_last_one_counts(self, tmp_path: Path) -> None:
        assert self.load(tmp_path, "trials=7", "trials=9").trials == 9

    @pytest.mark.parametrize(
        ("override", "says"),
        [
            ("trials", "must be -s key.path=value, found 'trials'"),
            ("=3", "must be -s key.path=value"),
            ("split..test=1", "must be -s key.path=value"),
            ("trials.x=3", "'trials' holds a value and no keys"),
            ("simulate.wells=9", "'simulate' holds a value and no keys"),
            ("trials=[", "the value in 'trials=[' is not valid YAML"),
            ("trails=3", "did you mean 'trials'?"),
            ("autoencoder.fit.epoch=3", "did you mean 'epochs'?"),
            ("trials=0", "trials: "),
        ],
    )
    def test_what_is_wrong_with_one_is_said(self, tmp_path: Path, override: str, says: str) -> None:
        with pytest.raises(ConfigError) as caught:
            self.load(tmp_path, override)
        assert says in str(caught.value)


class TestFiles:
    @pytest.mark.parametrize(
        ("text", "says"),
        [
            ("trials: [", "is not valid YAML"),
            ("trials: 3\n\tseed: 1", "is not valid YAML"),
            ("- a\n- b", "found a list"),
            ("just text", "found a str"),
            ("", "found nothing"),
            ("3: 4", "Keys should be strings"),
            ("seed: !!python/object/apply:os.getcwd []", "is not valid YAML"),
        ],
    )
    def test_a_file_that_is_no_config_is_refused_by_name(
        self, tmp_path: Path, text: str, says: str
    ) -> None:
        path = written(tmp_path, text)
        with pytest.raises(ConfigError) as caught:
            load_config(TuneConfig, path)
        message = str(caught.value)
        assert says in message
        assert str(path) in message
        assert "\n" not in message

    def test_a_missing_file_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match=r"cannot read the config .*nosuch\.yaml"):
            load_config(TuneConfig, tmp_path / "nosuch.yaml")

    def test_a_folder_is_no_config(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match="cannot read the config"):
            load_config(TuneConfig, tmp_path)

    def test_another_encoding_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "c.yaml").write_bytes("plate: Übersicht".encode("latin-1"))
        with pytest.raises(ConfigError, match=r"c\.yaml is not valid YAML"):
            load_config(TuneConfig, tmp_path / "c.yaml")


@pytest.mark.parametrize("kind", [TuneConfig, SplitConfig, SimulateConfig, FitSettings])
def test_the_resolved_config_comes_back_from_what_is_logged(kind: type[Frozen]) -> None:
    config = kind()
    text = yaml.safe_dump(config.model_dump(mode="json"))
    assert kind.model_validate(yaml.safe_load(text)) == config


def test_a_config_cannot_change() -> None:
    config = FitSettings()
    with pytest.raises((ValidationError, dataclasses.FrozenInstanceError)):
        config.epochs = 3  # type: ignore[misc]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"source": "measurements"}, "source 'measurements' needs head.kind lda or logistic"),
        ({"head": {"kind": "lda"}, "fine_tune": True}, "fine_tune needs head.kind softmax"),
        ({"head": {"kind": "lda"}, "faulty_class": True}, "faulty_class needs head.kind softmax"),
        ({"head": {"kind": "lda", "units": 3}}, "head.units"),
        ({"head": {"kind": "tree"}}, "head.kind"),
    ],
)
def test_heads_and_what_they_see_must_fit(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build_config(ClassifierConfig, {"dataset": "d.zarr"} | changes, "c.yaml")


def test_a_closed_form_may_see_an_untrained_encoder() -> None:
    content = {"dataset": "d.zarr", "encoder": None, "head": {"kind": "logistic", "strength": 0.1}}
    head = build_config(ClassifierConfig, content, "c.yaml").closed_form
    assert head is not None
    assert (head.kind, head.strength) == ("logistic", 0.1)
