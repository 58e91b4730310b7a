"""The user's running process, for commands that use it when there is one; and what they do else."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from fbuild_watch.cli.common import choose_port, is_interactive
from fbuild_watch.cli.progress import FlashProgress
from fbuild_watch.errors import PortAmbiguous

if TYPE_CHECKING:
    from fbuild_watch.api.asks import Ask
    from fbuild_watch.api.sync.client import Client
    from fbuild_watch.cli.target import BoardJob
    from fbuild_watch.control.guests import Guest
    from fbuild_watch.control.info import Info
    from fbuild_watch.control.locate import Located
    from fbuild_watch.control.messages import ProjectStatus
    from fbuild_watch.control.news import Step

T = TypeVar("T")

ANSWER_S = 20.0
"""How long a process may have the lock and not answer: it starts, or finishes a write."""

_SAY_S, _PAUSE_S = 0.5, 0.02


@contextmanager
def process_or_guest(*, stays: bool = False) -> Iterator[Client | Guest]:
    """The running process; where there is none, the right to use boards ourselves for the block.

    `stays`: until a person ends us. Raises LockHeld, NotAnswering for a process that does not answer.
    """
    with ExitStack() as stack:
        yield _enter(stack, stays)


def _enter(stack: ExitStack, stays: bool) -> Client | Guest:
    from fbuild_watch.control import lock
    from fbuild_watch.errors import LockHeld, NotAnswering

    started, said = time.monotonic(), False
    while True:
        try:
            if (found := client()) is not None:
                return stack.enter_context(found)
            return stack.enter_context(lock.share(command(), stays=stays))
        except (LockHeld, NotAnswering) as held:
            waited = time.monotonic() - started
            if waited > ANSWER_S:
                raise
            if waited > _SAY_S and not said:
                click.echo(f"waiting for an answer: {held}", err=True)
                said = True
        time.sleep(_PAUSE_S)


def client_of(lender: Located) -> Client:
    """To a console that lends its port."""
    from fbuild_watch.api.sync.client import Client

    return Client(name(), lender)


def make_way() -> None:
    """A process that nobody uses steps down for a watch. Imports nothing slow where there is none."""
    from fbuild_watch.control import info
    from fbuild_watch.control.runtime import runtime_dir

    found = info.read(runtime_dir())
    if found is not None and found.endpoint is not None and not found.projects:
        from fbuild_watch.api.sync.daemon import Daemon

        Daemon().stop(only_if_idle=True)


def say_waiting(other: Info) -> None:
    """Another command has what we need."""
    where = f" on {other.port}" if other.port else ""
    click.echo(f"waiting for {other.command}, pid {other.pid}{where}", err=True)


def client() -> Client | None:
    """A connected client; None: nothing runs, do the work yourself.

    Raises NotAnswering, ControlRefused, VersionSkew (but for an idle older process, which steps down): two that
    fought over a port would be worse.
    """
    from fbuild_watch.control.locate import locate

    if locate() is None:
        return None
    from fbuild_watch.api.sync.client import Client
    from fbuild_watch.errors import ControlLost, NotRunning, VersionSkew

    found = Client(name())
    try:
        found.welcome()
    except (NotRunning, ControlLost):  # also one that has just died
        return None
    except VersionSkew as skew:
        if not skew.stepping_down:
            raise
        return None
    return found


def name() -> str:
    """Who we are, for others to see."""
    return f"{command()}, pid {os.getpid()}"


def command() -> str:
    """What we do, in words."""
    what = next((word for word in sys.argv[1:] if not word.startswith("-")), "")
    return f"fbuild {what}"


def ask_of_board(job: BoardJob, port: str | None, ask: Callable[[str | None], Ask[T]]) -> T:
    """Have the running process do what `ask` makes of a port. A person is asked which, of several."""
    assert job.client is not None
    job.port = port = port or job.port
    try:
        return job.client.ask(ask(port), None, StepProgress(job.progress))
    except PortAmbiguous:
        if not is_interactive():
            raise
    return ask_of_board(job, choose_port(None, None), ask)


def placed(images: Sequence[str]) -> list[tuple[str, str]]:
    """The values of --image, as the API takes them."""
    return [(offset, path) for offset, _, path in (text.partition("=") for text in images)]


@dataclass(frozen=True, slots=True)
class Meant:
    """The board that a command is about, for the running process: a project's, or the one on a port."""

    project: str | None
    port: str | None
    where: str
    """In words."""


def board_meant(job: BoardJob, project: Path, environment: str | None, port: str | None) -> Meant:
    """Of commands that need no project. Raises PortError, NotWatched: several could be meant."""
    from fbuild_watch.project import is_project

    assert job.client is not None
    found = watched(job.client, project, environment) if port is None else None
    if found is not None:
        where = f"on {found.port}" if found.port else f"of {found.project}"
        return Meant(found.project, None, where)
    if environment is not None or is_project(project):
        return Meant(str(project), port, f"on {port}" if port else f"of {project}")
    chosen = choose_port(port, None)
    return Meant(None, chosen, f"on {chosen}")


def watched(client: Client, project: Path, environment: str | None) -> ProjectStatus | None:
    """The watched project that is meant: this one, or the only one in a folder that has none.

    None: this one is not watched, or nothing is. Raises NotWatched: several could be meant.
    """
    from fbuild_watch.errors import NotWatched
    from fbuild_watch.project import is_project

    found = {one.project: one for one in client.status().projects}
    if str(project) in found:
        return found[str(project)]
    if not found or environment is not None or is_project(project):
        return None
    if len(found) > 1:
        raise NotWatched(str(project), list(found))
    return next(iter(found.values()))


def pause(project: Path, *, paused: bool) -> Path:
    """Let edits of the watched project that is meant wait, or no more. Raises NotRunning, NotWatched."""
    from fbuild_watch.errors import NotRunning

    if (found := client()) is None:
        raise NotRunning
    with found:
        meant = watched(found, project, None)
        folder = Path(meant.project) if meant is not None else project
        found.pause(folder, paused=paused)
    return folder


class StepProgress:
    """Shows the progress of a request as the command itself would."""

    def __init__(self, shown: FlashProgress) -> None:
        self._shown = shown

    def __call__(self, step: Step) -> None:
        """Show a step."""
        from fbuild_watch.control import news

        match step:
            case news.UnitBuilt(source, done, total, output, reused):
                self._warn(output)
                done_how = "from the cache" if reused else "compiled"
                self._shown.show_line(f"{done_how} {done}/{total} {Path(source).name}")
            case news.StepBuilt(name, output):
                self._warn(output)
                self._shown.show_line(name)
            case news.Remark(text):
                self._warn(text)
            case news.PackageStep() as package:
                self._shown.show_package(package)
            case news.FlashStep(words, done, total):
                share = f" {done * 100 // total} %" if total else ""
                self._shown.show_line(f"{words}{share}")
            case news.DeviceFound(device):
                self._shown.show_device(device)

    def _warn(self, output: str) -> None:
        if output.strip():
            self._shown.clear()
            click.echo(output.rstrip(), err=True)
