"""Names and champions of assays, in a store with versions of no content."""

from collections.abc import Callable
from typing import Any

import pytest
from mlflow import MlflowClient

from ck19ml.tracking import registry
from ck19ml.tracking.assays import best_champion, classes_of, name_for, pixels_of, told
from ck19ml.tracking.registry import Version
from ck19ml.tracking.runs import Run

CAMERA = pixels_of(12, 1.34)
TWO, THREE = (classes_of(names) | CAMERA for names in (["A", "B"], ["A", "B", "C"]))
OTHER = classes_of(["X", "Y"]) | pixels_of(8, 0.65)

Make = Callable[..., str]


@pytest.fixture
def champion(store: Any, request: pytest.FixtureRequest) -> Make:
    """Register a champion for an assay; returns its registered model."""
    client = MlflowClient()
    plain = str(request.node.name).replace("[", "-").replace("]", "")

    def made(assay: dict[str, str] | None = None) -> str:
        if assay is None:
            return plain
        name = name_for(plain, assay)
        if not client.search_registered_models(f"name = '{name}'"):
            client.create_registered_model(name)
        found = client.create_model_version(name, "nowhere", tags=dict(assay))
        registry.promote(Version(name, found.version, Run("0"), dict(assay)))
        return name

    return made


def best(name: str, assay: dict[str, str]) -> str | None:
    found = best_champion(f"models:/{name}@champion", assay)
    return None if found is None else found.name


def test_the_first_assay_has_the_plain_name_and_another_one_of_its_own(champion: Make) -> None:
    plain = champion()
    first, other = champion(TWO), champion(OTHER)
    assert first == plain
    assert other.startswith(f"{plain}-")
    assert len(other) == len(plain) + 7
    # In the same order or not, a later version joins those of its assay.
    assert champion(classes_of(["B", "A"]) | CAMERA) == plain
    assert champion(dict(reversed(OTHER.items()))) == other


def test_each_dataset_finds_the_champion_made_for_it(champion: Make) -> None:
    plain = champion()
    assert best(plain, OTHER) is None  # none at all
    champion(TWO)
    assert best(plain, OTHER) is None  # no better one
    other, three = champion(OTHER), champion(THREE)
    assert best(plain, OTHER) == other
    assert best(plain, THREE) == three
    assert best(plain, TWO) is None
    # Some of the classes only: any that knows them, and the plain one of equals.
    assert best(plain, classes_of(["X"]) | pixels_of(8, 0.65)) == other
    assert best(plain, classes_of(["C"]) | CAMERA) == three
    assert best(plain, classes_of(["A"]) | CAMERA) is None
    # A plate without a layout: by its camera.
    assert best(plain, pixels_of(8, 0.65)) == other
    assert best(plain, CAMERA) is None


def test_only_the_alias_of_a_champion_leaves_a_choice(champion: Make) -> None:
    plain = champion()
    champion(TWO)
    other = champion(OTHER)
    for uri in (
        f"models:/{plain}/1",
        f"models:/{plain}@challenger",
        "runs:/0/model",
        "m'x@champion",
    ):
        assert best_champion(uri, OTHER) is None
    assert best(other, OTHER) is None


@pytest.mark.parametrize("key", ["masked", "target"])
def test_masked_images_and_other_targets_are_other_assays(champion: Make, key: str) -> None:
    plain = champion()
    assert champion(TWO | {key: "a"}) == plain
    assert champion(TWO | {key: "b"}) != plain


def test_versions_without_tags_are_rivals_as_they_were(champion: Make) -> None:
    assert champion({}) == champion(OTHER) == champion()


def test_many_classes_fit_into_a_tag() -> None:
    names = [f"class {n:04d}" for n in range(1536)]
    assert len(classes_of(names)["classes"]) < 5000
    assert classes_of(names) != classes_of(names[1:])
    assert classes_of(reversed(names)) == classes_of(names)


def test_an_assay_in_words() -> None:
    assay = TWO | {"patch_size": "192", "masked": "true", "recipe": "left out"}
    assert told(assay) == (
        "the classes A, B, patches of 192 pixels, 12 bits, pixels of about 1.3 um, masked images"
    )
