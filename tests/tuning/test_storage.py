import errno

import pytest

from ck19ml import tuning
from ck19ml.errors import Ck19Error, ConfigError
from tests.tuning.stored import Stored


def test_a_line_that_was_cut_short_costs_nothing_but_itself(study: Stored) -> None:
    """A process killed, or a disk full, in the middle of a write."""
    study.run(2)
    with study.journal.open("ab") as file:
        file.write(b'{"op_code":4,"worker_id":"x","stu')
    assert study.run(4)[0] == 2
    assert study.table()["state"].tolist() == ["complete"] * 4


def test_a_journal_that_is_none_is_said_in_one_line(study: Stored) -> None:
    study.journal.parent.mkdir()
    study.journal.write_text("not a journal\nat all\n")
    with pytest.raises(Ck19Error, match="not an Optuna journal's"), study.open():
        pass


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_said_in_one_line(study: Stored, number: int) -> None:
    with (
        pytest.raises(Ck19Error, match="no space left while writing"),
        study.open(),
    ):
        raise OSError(number, "no space")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://user:secret@host:5432/db", "postgresql://host:5432/db"),
        ("postgresql://user@host/db?password=secret", "postgresql://host/db"),
        ("postgresql+psycopg2://u:p%40ss@h/d", "postgresql+psycopg2://h/d"),
        ("postgresql://u:secret@h:none/db", "postgresql://..."),
        ("data/plate.study/optuna.journal", "data/plate.study/optuna.journal"),
    ],
)
def test_a_storage_is_shown_without_its_secrets(url: str, shown: str) -> None:
    assert tuning.shown(url) == shown


@pytest.mark.parametrize("url", ["sqlite:///study.db", "mysql://u:secret@h/d", "http://x"])
def test_other_databases_are_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="neither a file nor postgresql://") as caught:
        tuning.require_storage(url)
    assert "secret" not in str(caught.value)


def test_a_database_that_is_not_there_is_said_in_one_line() -> None:
    url = "postgresql://someone:secret@127.0.0.1:1/nothing"
    with (
        pytest.raises(Ck19Error, match=r"the study's database at postgresql://127") as told,
        tuning.open_study(url, "s", seed=1, first={}),
    ):
        pass
    assert "secret" not in str(told.value)
    assert "\n" not in str(told.value)
