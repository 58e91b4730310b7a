"""What a console asks of a watched project that is no event of its loop: to verify, to explain, to tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fbuild_watch import flash, words
from fbuild_watch.board.commands import obey
from fbuild_watch.errors import FbuildError
from fbuild_watch.model import Command, Notice
from fbuild_watch.size_table import table

if TYPE_CHECKING:
    from fbuild_watch.app import App
    from fbuild_watch.board.commands import Tell


async def answer(app: App, command: Command, tell: Tell) -> None:
    """Do it, and tell what comes of it. A command of the port's is passed on to it."""
    match command.name:
        case "verify":
            await _verify(app, tell)
        case "explain":
            tell(words.explained(app.last_build))
        case "size":
            await _tell_sizes(app, tell)
        case "status":
            tell(_status(app))
        case _:
            await obey(app.port, command, tell)
            app.show_state()  # the speed may be another one


async def _verify(app: App, tell: Tell) -> None:
    """Ask the board whether it holds the newest build; what it says is what the loop knows then."""
    image = app.state.image
    if image is None:
        tell(words.nothing_built())
        return
    try:
        report = await app.lend(
            lambda port: port.visit(
                lambda line, listener: flash.verify(line, image, listener),
                app.upload_baud(),
                flash.Listener(),
            ),
            leaves=lambda report, before: None if report.different else before,
        )
    except FbuildError as error:
        tell(words.failed(error))
        return
    tell(words.verified(report, image.build_id))


async def _tell_sizes(app: App, tell: Tell) -> None:
    try:
        report = await app.pipeline.sizes()
    except (OSError, ValueError) as error:
        tell(Notice(f"the sizes cannot be told: {error}", "bad"))
        return
    lines = table(report) if report is not None else ["another program builds this project"]
    tell(Notice("\n".join(lines)))


def _status(app: App) -> Notice:
    state = app.state
    lines = [
        f"{app.project_dir} ({app.environment_name})",
        words.status(state.stage, state.port, state.proven),
        f"port   {app.port.name or 'none'}",
        f"built  {state.image.build_id if state.image else 'nothing yet'}",
    ]
    if state.paused:
        lines.append("watching is paused: edits wait")
    return Notice("\n".join(lines))
