import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal, get_args, get_origin, get_type_hints

import pytest
import typer
from typer.testing import CliRunner

import ck19ml
from ck19ml import cli
from ck19ml.core.mask_methods import NAMES
from ck19ml.errors import Ck19Error, ConfigError, PlateError, TrackingError, TrialFailed
from ck19ml.plates.layouts.reading import builtin_layout, choose_wells, write_layout

COMMANDS = sorted(typer.main.get_command(cli.app).commands)  # type: ignore[attr-defined]
HEAVY = ("keras", "tensorflow", "mlflow", "optuna", "matplotlib", "zarr", "pandas")


def call(*arguments: object, timeout: float = 120) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own, here."""
    command = [sys.executable, "-m", "ck19ml", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)


@pytest.fixture
def small_layout(workplace: Path) -> Path:
    """A layout of three wells in the current directory."""
    write_layout(choose_wells(builtin_layout("ck19"), 3), workplace / "wells.csv")
    return workplace / "wells.csv"


Main = Callable[..., tuple[int, str, str]]


@pytest.fixture
def main(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Main:
    """The command line in this process: exit code, stdout, stderr."""

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["ck19ml", *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            cli.main()
        out, err = capsys.readouterr()
        return int(left.value.code or 0), out, err

    return run


class TestHelp:
    def test_every_command_is_listed(self) -> None:
        result = CliRunner().invoke(cli.app, ["--help"])
        assert result.exit_code == 0
        for name in COMMANDS:
            assert name in result.stdout

    @pytest.mark.parametrize("command", COMMANDS)
    def test_each_command_explains_itself(self, command: str) -> None:
        result = CliRunner().invoke(cli.app, [command, "--help"], env={"COLUMNS": "200"})
        assert result.exit_code == 0
        assert "--debug" in result.stdout
        assert ("--json" in result.stdout) == (command not in ("ui", "dashboard"))

    def test_commands_are_grouped(self) -> None:
        shown = CliRunner().invoke(cli.app, ["-h"]).stdout
        places = [shown.index(f" {panel} ") for panel in cli.COMMANDS]
        assert places == sorted(places)
        assert {command.__name__ for group in cli.COMMANDS.values() for command in group} == set(
            COMMANDS
        )

    def test_options_show_their_choices(self) -> None:
        found = {}
        for command in (command for group in cli.COMMANDS.values() for command in group):
            name = command.__name__
            shown = CliRunner().invoke(cli.app, [name, "-h"], env={"COLUMNS": "200"}).stdout
            for option, kind in get_type_hints(command).items():
                if get_origin(kind) is Literal:
                    found[name, option] = get_args(kind)
                    assert "|".join(get_args(kind)) in shown, f"{name} --{option}"
        assert found["prepare", "mask"] == NAMES

    def test_the_shell_completes_commands(self) -> None:
        asked = {"_CK19ML_COMPLETE": "complete_bash", "COMP_WORDS": "ck19ml pre", "COMP_CWORD": "1"}
        code = "from ck19ml.cli import main; main()"
        found = subprocess.run(
            [sys.executable, "-c", code], env=os.environ | asked, capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        assert found.stdout.split() == ["prepare", "pretraining", "predict"]

    def test_the_documented_commands_are_there(self) -> None:
        assert {
            "simulate", "prepare", "autoencoder", "classifier", "regressor", "tune", "evaluate",
            "predict", "ui",
        } <= set(COMMANDS)  # fmt: skip

    def test_version(self, main: Main) -> None:
        assert main("--version") == (0, f"ck19ml {ck19ml.__version__}\n", "")

    def test_help_loads_nothing_heavy(self) -> None:
        code = (
            "import sys, ck19ml.cli\n"
            "ck19ml.cli.app(['tune', '--help'], standalone_mode=False)\n"
            f"print([name for name in {HEAVY!r} if name in sys.modules])\n"
        )
        found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert found.returncode == 0, found.stderr
        assert found.stdout.splitlines()[-1] == "[]"

    @pytest.mark.slow
    def test_help_takes_less_than_half_a_second(self) -> None:
        # The best of a few: another process' work is not ours. Where all cores are busy, the
        # time on the processor says the same.
        walls, works = [], []
        for _ in range(3):
            start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
            assert call("--help").returncode == 0
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            walls.append(time.perf_counter() - start)
            works.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        assert min(*walls, *works) < 0.5


def test_an_interrupt_ends_in_one_line(main: Main, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(path: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("ck19ml.workflows.check.check_command", interrupt)
    code, out, err = main("check", "data.zarr")
    assert (code, out) == (1, "")
    assert err == "error: interrupted; rerun the command to resume\n"


class TestGuard:
    @pytest.mark.parametrize(
        ("error", "code"),
        [
            (ConfigError("a"), 2),
            (PlateError("a"), 1),
            (TrackingError("a"), 1),
            (TrialFailed("a"), 1),
            (ValueError("a"), 1),
            (MemoryError(), 1),
            (OSError(13, "Permission denied", "a"), 1),
            (KeyboardInterrupt(), 1),
        ],
        ids=repr,
    )
    def test_each_error_has_its_exit_code_and_one_line(
        self, error: BaseException, code: int, capsys: pytest.CaptureFixture[str]
    ) -> None:
        def fail() -> None:
            raise error

        assert cli._guard(fail, debug=False) == code
        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith("error: ")
        assert err.count("\n") == 1

    def test_a_message_of_many_lines_becomes_one(self, capsys: pytest.CaptureFixture[str]) -> None:
        def fail() -> None:
            raise PlateError("expected one\n  line,\nfound three")

        cli._guard(fail, debug=False)
        assert capsys.readouterr().err == "error: expected one line, found three\n"

    def test_a_defect_is_told_from_a_mistake(self, capsys: pytest.CaptureFixture[str]) -> None:
        def fail() -> None:
            raise ZeroDivisionError("division by zero")

        cli._guard(fail, debug=False)
        assert capsys.readouterr().err == (
            "error: unexpected ZeroDivisionError: division by zero; add --debug for the traceback\n"
        )

    @pytest.mark.parametrize("error", [PlateError("a"), ValueError("a")], ids=repr)
    def test_debug_shows_the_traceback(self, error: Exception) -> None:
        def fail() -> None:
            raise error

        with pytest.raises(type(error)):
            cli._guard(fail, debug=True)

    @pytest.mark.parametrize(("result", "code"), [(None, 0), (0, 0), (2, 2), ("text", 0)])
    def test_what_ends_well(self, result: object, code: int) -> None:
        assert cli._guard(lambda: result, debug=False) == code

    def test_every_error_of_the_project_has_a_documented_code(self) -> None:
        assert {kind.exit_code for kind in (Ck19Error, *Ck19Error.__subclasses__())} == {1, 2}


class TestWrongUsage:
    @pytest.mark.parametrize(
        ("arguments", "says"),
        [
            (["prepare", "plate"], "dataset"),
            (["nosuch"], "nosuch"),
            (["simulate"], "out"),
            (["predict", "models:/a/1", "plate"], "--out"),
            (["simulate", "out", "--sizes", "64"], "--sizes"),
            (["simulate", "out", "--size", "many"], "--size"),
            (["tune", "--trials", "many"], "--trials"),
        ],
    )
    def test_it_ends_in_one_line_and_exit_code_2(
        self, main: Main, workplace: Path, arguments: list[str], says: str
    ) -> None:
        code, out, err = main(*arguments)
        assert (code, out) == (2, "")
        assert err.startswith("error: ")
        assert err.count("\n") == 1
        assert says in err.lower()  # click writes arguments small or large
        assert "unexpected" not in err
        assert list(workplace.iterdir()) == []

    def test_without_a_command_the_help_is_shown(self, main: Main) -> None:
        code, out, err = main()
        assert code in (0, 2)
        assert "Usage" in out + err
        assert "error:" not in err


@pytest.mark.parametrize(
    ("values", "overrides"),
    [
        (None, []),
        ([""], []),
        (["a=1", "b.c=2"], ["a=1", "b.c=2"]),
        (["a=1; b=2 ;"], ["a=1", "b=2"]),
    ],
)
def test_one_parameter_of_mlproject_may_hold_several_overrides(
    values: list[str] | None, overrides: list[str]
) -> None:
    assert cli.options.overrides(values) == overrides


class TestJson:
    def test_it_is_the_only_line_of_stdout(self, main: Main, small_layout: Path) -> None:
        code, out, err = main(
            "simulate", "plate", "--layout", small_layout, "--size", 192, "--json"
        )
        assert code == 0
        assert out.count("\n") == 1
        assert json.loads(out) == {
            "plate": "plate",
            "wells": 3,
            "stimulations": {"Unstimulated": 1, "OVA": 1, "ConA": 1},
        }
        assert "simulated 3 wells" in err

    def test_without_it_stdout_speaks_to_people(self, main: Main, small_layout: Path) -> None:
        code, out, _ = main("simulate", "plate", "--layout", small_layout, "--size", 192)
        assert code == 0
        assert out.startswith("plate: simulated 3 wells (1 Unstimulated, 1 OVA, 1 ConA)")

    def test_an_error_leaves_stdout_empty(self, main: Main, workplace: Path) -> None:
        code, out, err = main("simulate", "plate", "--layout", "nosuch.csv", "--json")
        assert (code, out) == (2, "")
        assert err.startswith("error: ")
        assert list(workplace.iterdir()) == []

    @pytest.mark.slow
    def test_a_process_prints_it_last_and_says_what_was_done_already(
        self, workplace: Path, tiny_plate: Path
    ) -> None:
        first, again = (call("prepare", tiny_plate, "tiny.zarr", "--json") for _ in range(2))
        assert (first.returncode, again.returncode) == (0, 0), first.stderr + again.stderr
        assert first.stdout.count("\n") == again.stdout.count("\n") == 1
        assert json.loads(first.stdout) == json.loads(again.stdout)
        assert json.loads(first.stdout)["wells"] == 30
        assert "120 patches of 30 wells" in first.stderr
        assert "already prepared" in again.stderr


class TestOverwrite:
    def test_nothing_is_replaced_without_it(self, main: Main, small_layout: Path) -> None:
        arguments = ["simulate", "plate", "--layout", small_layout, "--size", 192]
        assert main(*arguments)[0] == 0
        code, _, err = main(*arguments)
        assert code == 1
        assert "plate" in err
        assert main(*arguments, "--overwrite")[0] == 0


@pytest.mark.slow
class TestProcess:
    def test_exit_code_0(self) -> None:
        found = call("--version")
        assert (found.returncode, found.stderr) == (0, "")

    def test_exit_code_1(self, workplace: Path) -> None:
        found = call("prepare", "nosuch", "d.zarr")
        assert (found.returncode, found.stdout) == (1, "")
        assert found.stderr == ("error: nosuch is not a plate folder; check the path\n")

    def test_exit_code_2(self, workplace: Path) -> None:
        found = call("tune", "-c", "nosuch.yaml")
        assert (found.returncode, found.stdout) == (2, "")
        assert found.stderr.startswith("error: cannot read the config nosuch.yaml")

    def test_debug_shows_the_traceback(self, workplace: Path) -> None:
        found = call("tune", "-c", "nosuch.yaml", "--debug")
        assert found.returncode != 0
        assert "Traceback" in found.stderr

    def test_the_installed_command_is_the_same(self) -> None:
        script = Path(sys.executable).with_name("ck19ml")
        if not script.exists():
            pytest.skip(f"ck19ml is not installed beside {sys.executable}")
        found = subprocess.run([script, "--version"], capture_output=True, text=True, check=True)
        assert found.stdout == f"ck19ml {ck19ml.__version__}\n"
