"""The requests of both clients: what is sent, what comes back, what the caller gets. Pure."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from msgspec import Struct, structs

from fbuild_watch import results
from fbuild_watch.control import messages, news
from fbuild_watch.control.messages import BuildDone, Flashed, Nothing
from fbuild_watch.control.variables import relevant
from fbuild_watch.errors import FlashDiffers
from fbuild_watch.model import EraseReport, OperationResult, Range, VerifyReport

T = TypeVar("T")

AnyPath = str | os.PathLike[str]

Images = Sequence[tuple[int | str, AnyPath]]
"""Offsets in bytes (as text: as `--image` takes them), and files."""


@dataclass(frozen=True, slots=True)
class Ask(Generic[T]):
    """A request. `convert` makes the caller's value of the answer, whose type is `kind`."""

    method: str
    params: Struct
    kind: type[Any]
    convert: Callable[[Any], T]


def _as_it_is(answer: Any) -> Any:
    return answer


def _none(_answer: Nothing) -> None:
    return None


def absolute(path: AnyPath | None) -> str | None:
    """A path as the process, which stands elsewhere, understands it."""
    return None if path is None else str(Path(path).absolute())


def variables(project: AnyPath | None) -> dict[str, str]:
    """What travels of our environment to be counted for a project."""
    if project is None:
        return relevant(os.environ)
    from fbuild_watch.project.named import variables_named  # late: who names a port does without

    return relevant(os.environ, variables_named(Path(project).absolute(), os.environ))


def build(project: AnyPath, environment: str | None, clean: bool) -> Ask[OperationResult]:
    """Build an environment."""
    params = messages.BuildAsked(_project(project), environment, clean, variables(project))
    return Ask("build", params, BuildDone, _of_build)


def flash(
    project: AnyPath | None,
    environment: str | None,
    port: str | None,
    images: Images,
    *,
    build: bool,
    mac: str | None = None,
    reset: str = "auto",
) -> Ask[OperationResult]:
    """Bring a board up to date."""
    params = _image(project, environment, port, images, build=build)
    params = structs.replace(params, mac=mac, reset=reset)
    return Ask("flash", params, Flashed, _of_flash)


def verify(
    project: AnyPath | None,
    environment: str | None,
    port: str | None,
    images: Images,
    *,
    build: bool,
    convert: Callable[[VerifyReport], OperationResult] | None = None,
) -> Ask[OperationResult]:
    """Ask a board what it holds. By default a difference is raised as FlashDiffers."""
    params = _image(project, environment, port, images, build=build)
    return Ask("verify", params, VerifyReport, convert or _of_verify)


def _image(
    project: AnyPath | None,
    environment: str | None,
    port: str | None,
    images: Images,
    *,
    build: bool,
) -> messages.FlashAsked:
    folder = None if images else _project(project or ".")
    return messages.FlashAsked(
        folder,
        environment,
        port,
        [f"{offset}={absolute(path)}" for offset, path in images],
        no_build=not build,
        variables=variables(folder),
    )


def reset(
    project: AnyPath | None, environment: str | None, port: str | None, *, bootloader: bool
) -> Ask[None]:
    """Restart a board."""
    where = _board(project, environment, port)
    return Ask("reset", messages.ResetAsked(**where, bootloader=bootloader), Nothing, _none)


def erase(
    project: AnyPath | None, environment: str | None, port: str | None, names: Sequence[str]
) -> Ask[OperationResult]:
    """Erase a board, or parts of it."""
    params = messages.EraseAsked(**_board(project, environment, port), names=list(names))
    return Ask("erase", params, EraseReport, results.of_report)


def read(
    offset: int,
    size: int,
    file: AnyPath,
    project: AnyPath | None,
    environment: str | None,
    port: str | None,
) -> Ask[str]:
    """A board's flash into a file; the port."""
    where = _board(project, environment, port)
    params = messages.ReadAsked(offset, size, _project(file), **where)
    return Ask("read", params, messages.ReadDone, lambda answer: answer.port)


def _board(project: AnyPath | None, environment: str | None, port: str | None) -> dict[str, Any]:
    """A port needs no project; one that is named beside it has the settings."""
    folder = absolute(project if project or port else ".")
    return {
        "project": folder,
        "environment": environment,
        "port": port,
        "variables": variables(folder),
    }


def status() -> Ask[messages.Status]:
    """What runs."""
    return Ask("status", Nothing(), messages.Status, _as_it_is)


def ports(*, probe: bool) -> Ask[list[messages.PortStatus]]:
    """The serial ports."""
    params = messages.PortsAsked(probe)
    return Ask("ports", params, messages.Ports, lambda answer: list(answer.ports))


def logs(lines: int, *, follow: bool = False) -> Ask[messages.Logs]:
    """The end of the log."""
    return Ask("logs", messages.LogsAsked(lines, follow), messages.Logs, _as_it_is)


def watch(project: AnyPath, environment: str | None, port: str | None) -> Ask[None]:
    """Watch a project."""
    params = messages.WatchAsked(_project(project), environment, port, variables(project))
    return Ask("watch.start", params, Nothing, _none)


def unwatch(project: AnyPath) -> Ask[None]:
    """Watch a project no more."""
    return Ask("watch.stop", messages.ProjectAsked(_project(project)), Nothing, _none)


def pause(project: AnyPath, paused: bool) -> Ask[None]:
    """Let edits wait, or no more."""
    return Ask("watch.pause", messages.PauseAsked(_project(project), paused), Nothing, _none)


def shutdown(*, only_if_idle: bool) -> Ask[bool]:
    """End the process."""
    params = messages.ShutdownAsked(only_if_idle)
    return Ask("shutdown", params, messages.ShutdownAnswer, lambda answer: answer.stopping)


def events() -> Ask[int]:
    """The stream of all projects' events."""
    return Ask("events", Nothing(), messages.Opened, lambda answer: answer.stream)


def attach(asked: messages.AttachAsked) -> Ask[messages.Attached]:
    """A console's stream."""
    return Ask("attach", asked, messages.Attached, _as_it_is)


def write(stream: int, data: bytes) -> Ask[None]:
    """Bytes for a board."""
    return Ask("write", messages.WriteAsked(stream, data), Nothing, _none)


def command(stream: int, name: Any) -> Ask[None]:
    """A command of a console."""
    return Ask("command", messages.CommandAsked(stream, name), Nothing, _none)


def log_line(told: news.StreamItem | news.StreamLost) -> str:
    """A line of the log that is followed."""
    if isinstance(told, news.StreamLost):
        return f"-- {told.count} lines were lost: this reader is too slow"
    assert isinstance(told.item, news.LogLine)
    return told.item.text


def _project(path: AnyPath) -> str:
    return str(Path(path).absolute())


def _of_build(done: BuildDone) -> OperationResult:
    regions = tuple(Range(region.name, region.offset, region.size) for region in done.regions)
    message = f"build {done.build_id} in {done.build_dir}"
    return OperationResult(True, message, regions=regions, phases=done.phases)


def _of_flash(done: Flashed) -> OperationResult:
    report = done.flash or done.upload
    assert report is not None
    return results.of_report(report)


def _of_verify(report: VerifyReport) -> OperationResult:
    """Raises FlashDiffers: an operation that did not succeed raises."""
    if report.different:
        names = [region.name for region in report.different]
        raise FlashDiffers(report.port, names, len(report.regions))
    return results.of_report(report)
