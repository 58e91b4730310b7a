"""What the commands that reach a board share: what it is to hold, where it is, how the end is said."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from fbuild_watch import standing
from fbuild_watch.cli.common import choose_port, run_async
from fbuild_watch.errors import FbuildError, PortBusy

if TYPE_CHECKING:
    from fbuild_watch.api.sync.client import Client
    from fbuild_watch.cli.progress import FlashProgress
    from fbuild_watch.control.guests import Guest
    from fbuild_watch.flash import Line, Listener
    from fbuild_watch.model import Environment, Image, OperationResult

T = TypeVar("T")

json_option = click.option(
    "--json", "as_json", is_flag=True, help="One JSON object on stdout, nothing else."
)
yes_option = click.option("--yes", is_flag=True, help="Do not ask.")


def image_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """--image and --no-build, for what compares a board with an image."""
    for option in (
        click.option("--no-build", is_flag=True, help="Take what was built last."),
        click.option("--image", "images", multiple=True, metavar="OFFSET=FILE",
                     help="Take this file, for there, without a project. "
                          "Can be given several times."),
    ):  # fmt: skip
        command = option(command)
    return command


@dataclass(frozen=True, slots=True)
class Wanted:
    """The image that a board is to hold; the project's settings, if there is a project."""

    image: Image
    settings: Environment | None = None
    phases: Mapping[str, float] = field(default_factory=dict)
    """What its build took."""


def wanted_image(
    project: Path, environment: str | None, images: tuple[str, ...], no_build: bool
) -> Wanted:
    """Build PROJECT, or load what was built last, or read plain files."""
    from fbuild_watch import image

    if images and no_build:
        raise click.UsageError("--image takes files as they are: --no-build has no meaning then")
    if images:
        return Wanted(image.from_files(images))
    kept = None if no_build else standing.recall(project, environment, release=False)
    for slip in kept.slips if kept else ():
        click.echo(slip, err=True)
    if kept or no_build:
        from fbuild_watch import project as projects
        from fbuild_watch.built import load_built

        settings = projects.load(project, environment)
        return Wanted(load_built(settings), settings)
    from fbuild_watch.cli.build import keep_standing
    from fbuild_watch.cli.progress import BuildProgress
    from fbuild_watch.pipeline import Pipeline

    pipeline = Pipeline(project, environment)
    with BuildProgress() as progress:
        pipeline.say = progress.say
        pipeline.on_package = progress.show_package
        report = run_async(pipeline.build, on_event=progress.show)
    keep_standing(project, environment, pipeline, report)
    return Wanted(report.image, pipeline.environment, report.phases)


def settings_of(project: Path, environment: str | None) -> Environment | None:
    """The project's settings, for commands that need no project; None: there is none."""
    from fbuild_watch import project as projects

    if environment is None and not projects.is_project(project):
        return None
    return projects.load(project, environment)


class _Lent(Exception):
    """The port is a console's, which lends it to its clients."""

    def __init__(self, client: Client) -> None:
        super().__init__()
        self.client = client


class BoardJob:
    """One thing done to one board: by the running process, or here, while nobody else uses it."""

    def __init__(self, progress: FlashProgress) -> None:
        self.port: str | None = None
        """The port, once it is chosen."""
        self.progress = progress
        self.client: Client | None = None
        """To the running process; None: there is none."""
        self.guest: Guest | None = None
        """Our right to use boards, where there is no process."""
        self._stack = ExitStack()

    @contextmanager
    def reached(self) -> Iterator[BoardJob]:
        """Find the process, or see to it that none starts during the block. Raises ControlError."""
        from fbuild_watch.cli import running
        from fbuild_watch.control.guests import Guest

        with running.process_or_guest() as found, self._stack:
            if isinstance(found, Guest):
                self.guest = found
            else:
                self.client = found
            yield self

    def do(self, here: Callable[[BoardJob], T], there: Callable[[BoardJob], T]) -> T:
        """Do it `there` if there is a process, or a console that lends its port; else here."""
        if self.client is None:
            try:
                return here(self)
            except _Lent as lent:
                self.client = self._stack.enter_context(lent.client)
        return there(self)

    def choose(self, explicit: str | None, settings: Environment | None) -> str:
        """The port to use, from now on ours; others are waited for. Raises PortError."""
        from fbuild_watch.cli import running

        assert self.guest is not None
        self.port = explicit  # named in a failure, too
        self.port = choose_port(explicit, settings.upload_port if settings else None)
        try:
            self._stack.enter_context(self.guest.port(self.port, running.say_waiting))
        except PortBusy:
            if (lender := self.guest.lender(self.port)) is None:
                raise
            raise _Lent(running.client_of(lender)) from None
        return self.port

    def listener(self) -> Listener:
        """Shows progress; looks for Ctrl-C."""
        import trio

        from fbuild_watch import flash

        return flash.Listener(
            device=self.progress.show_device,
            progress=self.progress.show,
            check_cancelled=trio.from_thread.check_cancelled,
        )

    def visit(
        self, operation: Callable[[Line, Listener], Awaitable[T]], settings: Environment | None
    ) -> T:
        """Open the chosen port for one operation."""
        from fbuild_watch.board.approach import of_project
        from fbuild_watch.board.oneshot import visit

        way = of_project(settings)
        found: T = run_async(visit, operation, self.port, way, listener=self.listener())
        return found


def report(
    here: Callable[[BoardJob], OperationResult],
    there: Callable[[BoardJob], OperationResult],
    say: Callable[[OperationResult], None],
    as_json: bool,
) -> int:
    """Do it with a progress line; say the outcome in words or as JSON; the exit code."""
    from fbuild_watch import results
    from fbuild_watch.cli.crash import as_internal_error
    from fbuild_watch.cli.progress import FlashProgress

    with FlashProgress() as progress:
        job = BoardJob(progress)
        try:
            with job.reached():
                result = job.do(here, there)
        except Exception as error:
            if not as_json or isinstance(error, click.ClickException | click.Abort):
                raise
            known = error if isinstance(error, FbuildError) else as_internal_error(error)
            result = results.of_error(known, port=job.port, device=progress.device)
    if as_json:
        click.echo(json.dumps(results.as_json(result)))
    else:
        say(result)
    return result.exit_code
