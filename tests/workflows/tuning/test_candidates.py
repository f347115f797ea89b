from ck19ml.config import TuneConfig
from ck19ml.config.tune import FIRST
from ck19ml.networks.settings import ClosedFormHead
from ck19ml.workflows.tuning.candidates import is_untrained, settings_of


def test_the_default_is_a_discriminant_analysis_of_cells() -> None:
    settings = settings_of(TuneConfig(), dict(FIRST))
    assert (settings.source, settings.head) == ("cells", ClosedFormHead(kind="lda"))
    assert not settings.has_encoder


def test_a_closed_form_has_its_own_parameters() -> None:
    parameters = {
        "head": "logistic", "source": "both", "encoder": "untrained", "strength": 0.1,
        "class_weights": True,
    }  # fmt: skip
    settings = settings_of(TuneConfig(), parameters)
    assert settings.closed_form == ClosedFormHead(kind="logistic", strength=0.1, balanced=True)
    assert settings.source == "both"
    assert is_untrained(parameters)
    assert not is_untrained(dict(FIRST))


def test_a_fine_tuned_network_trains_its_head_first() -> None:
    parameters = {
        "head": "softmax", "units": 32, "depth": 1, "dropout": 0.0, "normalise": False,
        "pooled": False, "learning_rate": 0.01, "batch_size": 32, "class_weights": False,
        "fine_tune": True,
    }  # fmt: skip
    settings = settings_of(TuneConfig(), parameters)
    assert settings.head_fit is not None
    assert settings.head_fit.learning_rate == 0.01
    assert settings.fit.learning_rate == 0.001
    assert settings.fit.epochs == TuneConfig().fine_tune_epochs
