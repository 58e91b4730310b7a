"""Work for a client is done in the client's environment, so nothing else reads this process's own."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import fbuild_watch
from fbuild_watch import packages
from fbuild_watch.control.messages import REQUESTS
from fbuild_watch.control.variables import relevant
from fbuild_watch.project import environments, load
from fbuild_watch.project.hardware import sketchbook
from fbuild_watch.project.named import variables_named
from fbuild_watch.system import surroundings

PACKAGE = Path(fbuild_watch.__file__).parent

OWN = {
    "system/surroundings.py": "the one way to it",
    "daemon/environment.py": "what a client leaves out is as the process has it",
    "api/asks.py": "the client's side: what travels",
    "processes/blocking.py": "programs of the API, which works for nobody else",
    "processes/any_loop.py": "as above",
    "control/runtime.py": "where this user's process is",
    "cli/background.py": "as above, for its log",
    "cli/__init__.py": "a command's own option, for all that it starts",
    "demo.py": "a runtime folder of its own, for all that it starts",
    "build/cache.py": "the user's one cache: whose process fills it does not matter",
    "packages/places.py": "the user's one store: as above",
}
"""Modules that may, and why no client's environment counts there."""


def reads_its_own(path: Path) -> bool:
    return any(
        isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "os"
        and node.attr in {"environ", "environb", "getenv"}
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    )


def test_only_these_read_the_environment_of_this_process() -> None:
    found = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        if reads_its_own(path)
    }
    assert found == set(OWN), "use fbuild_watch.system.surroundings.environ"


def test_a_clients_environment_counts_wherever_a_project_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ini = "[env]\nmonitor_speed = ${sysenv.SPEED}\n[env:one]\nboard = x\n"
    (tmp_path / "platformio.ini").write_text(ini)
    monkeypatch.setenv("ARDUINO_DIRECTORIES_USER", "/ours")
    monkeypatch.setenv("FBUILD_OFFLINE", "1")
    theirs = {"SPEED": "9600", "ARDUINO_DIRECTORIES_USER": "/theirs", "FBUILD_OFFLINE": "0"}
    with surroundings.of(theirs):
        assert load(tmp_path).monitor_speed == 9600
        assert environments(tmp_path) == ["one"]
        assert sketchbook() == Path("/theirs")
        assert not packages.is_offline()
    assert sketchbook() == Path("/ours")
    assert packages.is_offline()


def test_what_a_build_depends_on_travels_and_secrets_do_not() -> None:
    given = {"PATH": "/bin", "Path": "C:\\", "FBUILD_OFFLINE": "1", "AWS_SECRET_ACCESS_KEY": "x"}
    assert relevant(given).keys() == {"PATH", "Path", "FBUILD_OFFLINE"}


def test_what_a_project_names_travels_also_where_it_is_not_set(tmp_path: Path) -> None:
    ini = "[platformio]\nextra_configs = ${sysenv.MORE}/*.ini\n[env:one]\nboard = ${sysenv.BOARD}\n"
    (tmp_path / "platformio.ini").write_text(ini)
    (tmp_path / "own.ini").write_text("[env]\nbuild_flags = -D A=${sysenv.SECRET} ${sysenv.PATH}\n")
    theirs = {"MORE": str(tmp_path), "SECRET": "x", "OTHER": "y"}
    named = variables_named(tmp_path, theirs)
    assert named == {"MORE", "BOARD", "SECRET", "PATH"}
    assert relevant(theirs, named) == {"MORE": str(tmp_path), "BOARD": "", "SECRET": "x"}
    assert variables_named(tmp_path / "nowhere", theirs) == frozenset()


def test_every_request_about_a_project_tells_of_its_clients_environment() -> None:
    silent = {"watch.stop", "watch.pause"}  # they name it, and do not read it
    for method, (asked, _answer) in REQUESTS.items():
        fields = asked.__struct_fields__
        assert ("project" in fields) == ("variables" in fields) or method in silent, method
