"""What several commands share: their arguments, running async code, choosing a port."""

from __future__ import annotations

import os
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from functools import partial, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO, TypeVar

import click

from fbuild_watch.errors import FbuildError
from fbuild_watch.system import surroundings
from fbuild_watch.system.end_signals import END_SIGNALS

if TYPE_CHECKING:
    import trio

    from fbuild_watch.serial import PortInfo

T = TypeVar("T")


class _ProjectFolder(click.Path):
    """A folder whose path every part of fbuild can name: on the wire, in JSON, to the watcher."""

    def __init__(self) -> None:
        super().__init__(file_okay=False, path_type=Path, resolve_path=True)

    def convert(
        self,
        value: str | os.PathLike[str],
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> Any:
        """The folder's real path."""
        path = super().convert(value, param, ctx)
        try:
            str(path).encode()
        except UnicodeEncodeError:
            self.fail(f"{str(path)!a} is no Unicode: rename the folder", param, ctx)
        return path


project_argument = click.argument("project", default=".", type=_ProjectFolder())
environment_option = click.option(
    "-e", "--environment", metavar="NAME", help="The [env:NAME] to use."
)
port_option = click.option(
    "--port",
    metavar="PORT",
    help="A device path, rfc2217://HOST:PORT or socket://HOST:PORT.",
)


@dataclass(frozen=True, slots=True)
class ConsoleOptions:
    """What was said of the output of a board, and what is to be decided by it."""

    expect: tuple[str, ...] = ()
    fail: tuple[str, ...] = ()
    timeout: float | None = None
    count: int | None = None
    script: Path | None = None
    as_json: bool = False
    log: Path | None = None
    log_times: bool = False
    raw: bool = False

    @property
    def plain(self) -> bool:
        """Whether it is for a program, and so no interactive console."""
        return self.decides or self.as_json or bool(self.fail) or self.timeout is not None

    @property
    def decides(self) -> bool:
        """Whether something is waited for in what the board says from now on."""
        return bool(self.expect or self.script or self.count)


AS_USUAL = ConsoleOptions()


def console_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of what shows a board's output, as one argument `shown`."""

    @wraps(command)
    def with_options(**arguments: Any) -> Any:
        options = {field.name: arguments.pop(field.name) for field in fields(ConsoleOptions)}
        return command(**arguments, shown=ConsoleOptions(**options))

    for option in (
        click.option("--raw", is_flag=True,
                     help="Every key goes to the board as it is, until Ctrl-]. On a terminal."),
        click.option("--log-times", is_flag=True, help="Lines of the log begin with their time."),
        click.option("--log", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path),
                     help="Append the output to FILE as well."),
        click.option("--json", "as_json", is_flag=True,
                     help="One JSON object a line: what the board and fbuild say, and the outcome."),
        click.option("--script", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path),
                     help="Play FILE: steps of send, expect, fail. See docs/console.md."),
        click.option("--count", type=click.IntRange(min=1), metavar="LINES",
                     help="Stop after so many lines: exit code 71 if an --expect is missing."),
        click.option("--timeout", type=click.FloatRange(min=0), metavar="SECONDS",
                     help="Stop after so long: exit code 71 if an --expect is missing."),
        click.option("--fail", multiple=True, metavar="REGEX",
                     help="Stop with exit code 72 when a line matches."),
        click.option("--expect", multiple=True, metavar="REGEX",
                     help="Stop with exit code 0 when a line has matched (each of several)."),
    ):  # fmt: skip
        with_options = option(with_options)
    return with_options


def is_interactive() -> bool:
    """Whether a person sits at both ends."""
    return sys.stdin is not None and sys.stdin.isatty() and sys.stdout.isatty()


def draws() -> bool:
    """Whether the terminal does more than print: it moves its cursor, so what it shows can change.

    As TERM and terminfo say (term(7)); a terminal that they do not know is taken for one of today.
    """
    term = surroundings.environ().get("TERM", "")
    if term in ("dumb", "unknown") or (not term and sys.platform != "win32"):
        return False
    try:
        import curses
    except ImportError:  # on Windows, whose console does
        return True
    try:
        curses.setupterm(term, 1)
    except curses.error:
        return True
    return curses.tigetstr("cup") is not None


def wants_colours(stream: TextIO) -> bool:
    """Whether who reads a stream sees colours, and has not refused them (no-color.org)."""
    refused = surroundings.environ().get("NO_COLOR")
    return stream is not None and stream.isatty() and not refused and draws()


def run_async(function: Callable[..., Awaitable[T]], *args: Any, **kwargs: Any) -> T:
    """Run an async function to its end.

    A signal cancels it, and becomes KeyboardInterrupt when it has ended in good order.
    An exception group that holds only our errors becomes the first of them.
    """
    import trio

    try:
        return trio.run(partial(_until_signal, partial(function, *args, **kwargs)))
    except BaseExceptionGroup as group:
        leaves = list(_leaves(group))
        if len(leaves) == 1 or all(isinstance(leaf, FbuildError) for leaf in leaves):
            raise leaves[0] from None
        raise


async def _until_signal(function: Callable[[], Awaitable[T]]) -> T:
    import trio

    finished: list[T] = []
    with trio.CancelScope() as work:
        async with trio.open_nursery() as nursery:
            await nursery.start(_cancel_on_signal, work)
            finished.append(await function())
            nursery.cancel_scope.cancel()
    if finished:  # also when a signal came too late to end it: what is done is said
        return finished[0]
    raise KeyboardInterrupt


async def _cancel_on_signal(work: trio.CancelScope, task_status: trio.TaskStatus[None]) -> None:
    import trio

    with trio.open_signal_receiver(*END_SIGNALS) as signals:
        task_status.started()
        async for _ in signals:
            if work.cancel_called:
                click.echo("ending as soon as the board is left in order", err=True)
            work.cancel()


def _leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error


def choose_port(explicit: str | None, configured: str | None) -> str:
    """The port to use; a person is asked when there are several boards. Raises PortError."""
    if named := explicit or configured:
        return named
    from fbuild_watch.serial import choose_port as choose
    from fbuild_watch.serial import list_ports

    return choose(None, None, list_ports(), ask_for_port if is_interactive() else None)


def ask_for_port(ports: Sequence[PortInfo]) -> str:
    """Let a person choose by number."""
    for number, port in enumerate(ports, 1):
        click.echo(f"{number}: {port.device}  {port.description}", err=True)
    choice = click.prompt("which board", type=click.IntRange(1, len(ports)), err=True)
    return ports[choice - 1].device
