"""Profiles that are normalised against vehicle wells, by the real pycytominer."""

import numpy as np
import pandas as pd
import pytest

from ck19ml.errors import ConfigError, PlateError
from ck19ml.workflows.steps.profiles import normalised, reproducibility
from ck19ml.workflows.tables import features_command

FEATURES = ["Cells_Encoder_0001", "Cells_Encoder_0002"]


@pytest.fixture
def profiles() -> pd.DataFrame:
    """Two stimulations of eight wells, four of them vehicle; ConA lies 10 higher."""
    pytest.importorskip("pycytominer")
    values = np.random.default_rng(0).normal(size=(16, 2)) @ [[1.0, 0.8], [0.0, 0.6]]
    wells = pd.DataFrame(
        {
            "Metadata_Plate": "CK1",
            "Metadata_Well": [f"A{i + 1:02d}" for i in range(16)],
            "Metadata_Stimulation": ["ConA", "OVA"] * 8,
            "Metadata_Control": ["vehicle"] * 8 + [""] * 8,
        }
    )
    values[wells["Metadata_Stimulation"] == "ConA"] += 10
    return wells.join(pd.DataFrame(values, columns=FEATURES))


def test_vehicle_wells_of_each_stimulation_have_mean_0_and_sd_1(profiles: pd.DataFrame) -> None:
    found = normalised(profiles, "vehicle")
    assert found["Metadata_Well"].tolist() == profiles["Metadata_Well"].tolist()
    for name in ("ConA", "OVA"):
        own = profiles[profiles["Metadata_Stimulation"] == name]
        vehicle = own.query("Metadata_Control == 'vehicle'")[FEATURES].to_numpy()
        expected = (own[FEATURES].to_numpy() - vehicle.mean(axis=0)) / vehicle.std(axis=0)
        shown = found.loc[found["Metadata_Stimulation"] == name, FEATURES].to_numpy()
        np.testing.assert_allclose(shown, expected, atol=1e-9)


def test_sphered_vehicle_wells_are_uncorrelated(profiles: pd.DataFrame) -> None:
    vehicle = normalised(profiles, "spherize").query("Metadata_Control == 'vehicle'")
    covariance = np.cov(vehicle[FEATURES].to_numpy(), rowvar=False)
    np.testing.assert_allclose(covariance, np.eye(2), atol=0.01)


def test_none_changes_nothing(profiles: pd.DataFrame) -> None:
    assert normalised(profiles, "none") is profiles


def test_too_few_vehicle_wells_are_named(profiles: pd.DataFrame) -> None:
    profiles.loc[profiles["Metadata_Stimulation"] == "OVA", "Metadata_Control"] = ""
    with pytest.raises(PlateError, match="CK1, OVA: fewer than 2 vehicle wells"):
        normalised(profiles, "vehicle")


def test_profiles_of_patches_are_not_normalised(tmp_path) -> None:
    with pytest.raises(ConfigError, match="leave out --patches"):
        features_command("m", tmp_path, tmp_path / "x.parquet", patches=True,
                         normalise="vehicle", overwrite=False)  # fmt: skip


def test_replicates_that_resemble_each_other_are_found(profiles: pd.DataFrame) -> None:
    pytest.importorskip("copairs")
    treated = (profiles["Metadata_Control"] == "").to_numpy()
    profiles["Metadata_Compound"] = np.where(treated, "a", "")
    profiles["Metadata_Concentration_uM"] = np.where(treated, 10.0, np.nan)
    profiles.loc[treated, FEATURES] = [-3.0, 50.0]
    # Of four wells a compound and four vehicle wells: a well has three replicates among seven.
    assert reproducibility(profiles) == [
        "replicates, mean average precision among vehicle wells (by chance): ConA 1.00 (0.58), "
        "OVA 1.00 (0.58)"
    ]
