"""The map of an evaluation, of an untrained network on a real dataset."""

import numpy as np
import pytest

from ck19ml.config import SplitConfig
from ck19ml.networks import architectures, training
from ck19ml.networks.scorer import Card, Scorer
from ck19ml.plates.dataset.store import Dataset
from ck19ml.workflows.steps import maps
from ck19ml.workflows.steps.split import split_dataset


@pytest.fixture(scope="module")
def scorer(tiny_dataset: Dataset) -> Scorer:
    split = split_dataset(tiny_dataset, SplitConfig())
    training.seed_everything(6)
    encoder = architectures.build_encoder("compact", 192)
    head = architectures.build_regressor_head(architectures.feature_shape(encoder), dropout=0.0)
    card = Card(
        kind="regressor", classes=split.classes, masked=False, interaction_threshold=0.2,
        wells=split.fingerprints(), dataset={"name": "tiny", "content_hash": "x"}, seed=6,
        software="ck19ml 0", baselines=split.baselines("train"),
        **split.dataset.parameters,
    )  # fmt: skip
    return Scorer(architectures.join(encoder, head), card)


def test_the_page_shows_a_choice_of_the_patches_with_what_was_predicted(
    scorer: Scorer, tiny_dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(maps, "MOST_POINTED_AT", 20)
    monkeypatch.setattr(maps, "MOST_POINTS", 5)
    monkeypatch.setattr(maps, "embed", lambda features, seed, how: features[:, :2])
    rows = np.arange(len(tiny_dataset.table))
    predictions = tiny_dataset.table.drop(columns=["compound", "concentration_um"]).assign(
        predicted_overlap=0.125
    )
    # In any order: rows belong together by plate, well, field and patch.
    shuffled = predictions.sample(frac=1, random_state=1)
    figure, page = maps.maps(scorer, tiny_dataset, rows, shuffled, 3, "umap")
    assert len(figure.axes[0].collections[0].get_offsets()) == 5
    assert page.count("data:image/jpeg;base64,") == 20
    assert page.count("predicted overlap: 12.50 %") == 20
    assert "UMAP of tiny by the regressor" in page
