"""Commands of others: the example's, and such as fail."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType

import pytest

from fbuild_watch.console.commands import interpret
from fbuild_watch.console.local import do
from fbuild_watch.console.plugins import GROUP, Context, Plugins
from fbuild_watch.console.session import Clocks, Session
from fbuild_watch.decode import plugins as decoders
from fbuild_watch.model import Command, ConsoleInput, DeviceText, Typed
from fbuild_watch.text.ansi import plain

EXAMPLE = Path(__file__).parents[2] / "examples" / "console-plugin"


@pytest.fixture
def given() -> list[ConsoleInput]:
    return []


def session_with(points: list[EntryPoint], given: list[ConsoleInput]) -> Session:
    return Session(Clocks(lambda: 0.0, 0.0), given.append, plugins=Plugins(points))


def type_line(session: Session, line: str) -> list[str]:
    do(session, interpret(line, session.eol, session.plugins.entries))
    return [plain(shown) for shown in session.frame().lines]


def points_of_example(group: str) -> list[EntryPoint]:
    project = tomllib.loads((EXAMPLE / "pyproject.toml").read_text())["project"]
    named = project["entry-points"][group]
    return [EntryPoint(name, value, group) for name, value in named.items()]


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.syspath_prepend(str(EXAMPLE))
    yield
    sys.modules.pop("fbuild_console_example", None)


@pytest.mark.usefixtures("example")
def test_the_examples_command(given: list[ConsoleInput]) -> None:
    session = session_with(points_of_example(GROUP), given)
    assert type_line(session, ":heap") == ["-- no line has free=NUMBER yet --"]
    for free in (900, 700, 800):
        session.backlog.add(DeviceText(f"\x1b[32mfree={free}\x1b[0m", True, 0.0))
    session.frame()
    assert type_line(session, ":heap now") == ["-- lowest free heap: 700 bytes --"]
    assert given == [Typed(b"heap\r\n")]
    [help_line] = type_line(session, ":help heap")
    assert "The lowest free heap" in help_line
    assert any(":heap" in line for line in type_line(session, ":help"))


@pytest.mark.usefixtures("example")
def test_the_examples_decoder() -> None:
    found = decoders.Plugins(lambda: points_of_example(decoders.GROUP))
    assert found.load() == []
    [said] = found.feed(["hello", "E (1) i2c_master: error 263"])
    assert "no pull-up" in str(said)


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    made = ModuleType("made_up_plugin")
    monkeypatch.setitem(sys.modules, "made_up_plugin", made)
    return made


def test_what_a_plugin_may_do(module: ModuleType, given: list[ConsoleInput]) -> None:
    def act(console: Context, arguments: str) -> None:
        console.send(b"\x01")
        console.ask("baud 9600")
        for wrong in ("baud", "hex on", "none"):
            with pytest.raises(ValueError, match=r"number|give|no command"):
                console.ask(wrong)
        console.say(f"{arguments} {console.lines(0)}")

    module.act = act  # type: ignore[attr-defined]
    session = session_with([EntryPoint("act", "made_up_plugin:act", GROUP)], given)
    assert type_line(session, ":act a  b") == ["-- a  b [] --"]
    assert given == [Typed(b"\x01"), Command("baud", ("9600",))]
    assert "made_up_plugin" in type_line(session, ":help act")[0]


def test_a_plugin_that_fails_is_said(module: ModuleType, given: list[ConsoleInput]) -> None:
    def act(_console: Context, _arguments: str) -> None:
        raise KeyError("x")

    module.act = act  # type: ignore[attr-defined]
    points = [
        EntryPoint("act", "made_up_plugin:act", GROUP),
        EntryPoint("gone", "no_such_module_at_all:act", GROUP),
        EntryPoint("reset", "made_up_plugin:act", GROUP),
    ]
    session = session_with(points, given)
    assert type_line(session, ":act") == ["-- the command :act has failed (KeyError: 'x') --"]
    assert "ModuleNotFoundError" in type_line(session, ":gone")[0]
    assert "ModuleNotFoundError" in type_line(session, ":help gone")[0]
    assert type_line(session, ":reset") == []
    assert given == [Command("reset")]
