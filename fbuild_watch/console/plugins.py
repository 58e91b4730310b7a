"""Commands of others: entry points of the group `fbuild_watch.commands` (docs/console.md).

A plugin is a function `(console: Context, arguments: str) -> str | None`. Its entry point's name is
the command's, the first line of its docstring is its help, and what it returns is said. It is
imported when it is first used. What it raises is said, and ends nothing.

Our own commands cannot be replaced.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import EntryPoint, entry_points
from inspect import getdoc
from typing import TYPE_CHECKING

from fbuild_watch.console.commands import COMMANDS, Entry, Said, run_command
from fbuild_watch.model import Command, Notice, Typed
from fbuild_watch.text.ansi import plain

if TYPE_CHECKING:
    from fbuild_watch.console.session import Session

GROUP = "fbuild_watch.commands"


class Context:
    """What a command has in hand. `say`, `send` and `ask` may be called from any thread, also later."""

    def __init__(self, session: Session) -> None:
        """Made by the console."""
        self._session = session

    def say(self, text: str, *, bad: bool = False) -> None:
        """Show something in the scrollback."""
        self._session.backlog.add(Notice(text, "bad" if bad else "info"))

    def send(self, data: str | bytes) -> None:
        """Send to the board; to a string, the line ending of Enter is added."""
        whole = data if isinstance(data, bytes) else data.encode() + self._session.eol
        self._session.pass_on(Typed(whole))

    def ask(self, command: str) -> None:
        """Do one of fbuild's own commands: "reset", "baud 9600". Raises ValueError."""
        match run_command(command):
            case Command() | Typed() as given:
                self._session.pass_on(given)
            case Said(text):
                raise ValueError(text)
            case _:
                raise ValueError(f":{command} is a person's to give")

    def lines(self, count: int) -> list[str]:
        """The board's last lines, without colours."""
        kept = self._session.scrollback.since(0)
        said = [plain(line.text) for line in kept if line.kind == "board"]
        return said[-count:] if count > 0 else []


Action = Callable[[Context, str], str | None]


class Plugins:
    """The installed commands."""

    def __init__(self, found: Iterable[EntryPoint] | None = None) -> None:
        """Looks for them, and imports none."""
        points = entry_points(group=GROUP) if found is None else found
        self._points = {point.name: point for point in points if point.name not in COMMANDS}

    @property
    def entries(self) -> Mapping[str, Entry]:
        """Ours and theirs."""
        theirs = {
            name: Entry(f"of {_origin(point)}", "[...]", parse=_anything)
            for name, point in self._points.items()
        }
        return {**COMMANDS, **theirs}

    def help(self, name: str) -> str | None:
        """The first line that a plugin says of itself; None: there is none of that name."""
        if name not in self._points:
            return None
        try:
            described = getdoc(self._points[name].load()) or f"of {_origin(self._points[name])}"
        except Exception as error:  # anything may go wrong in code of others
            return _broken(name, error)
        return f":{name}  {described.splitlines()[0]}"

    def run(self, name: str, arguments: str, session: Session) -> None:
        """Do a command; what it returns or raises is said."""
        context = Context(session)
        try:
            action: Action = self._points[name].load()
            said = action(context, arguments)
        except Exception as error:  # as above
            context.say(_broken(name, error), bad=True)
        else:
            if said:
                context.say(str(said))


def _anything(text: str) -> tuple[str, ...]:
    return (text,)


def _origin(point: EntryPoint) -> str:
    return point.dist.name if point.dist is not None else point.module


def _broken(name: str, error: Exception) -> str:
    return f"the command :{name} has failed ({type(error).__name__}: {error})"
