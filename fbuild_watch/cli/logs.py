"""`fbuild logs`."""

from __future__ import annotations

import click


@click.command("logs")
@click.option("-n", "--lines", type=click.IntRange(min=0), default=100, show_default=True)
@click.option("-f", "--follow", is_flag=True, help="And each line that comes, until it ends.")
def command(lines: int, follow: bool) -> None:
    """Print what the running fbuild watch has said and seen last.

    One in the background keeps it in a file, too, which is read when none runs, or answers.
    """
    from fbuild_watch.cli import running
    from fbuild_watch.errors import NotAnswering, NotRunning

    try:
        client = running.client()
    except NotAnswering as error:
        click.echo(str(error), err=True)
        client = None
    if client is not None and follow:
        with client:
            for line in client.follow_logs(lines):
                click.echo(line)
        click.echo("the running fbuild has ended", err=True)
        return
    if client is not None:
        with client:
            said = client.logs(lines)
        found, where = said.lines, said.path
    else:
        found, where = _from_file(lines)
    for line in found:
        click.echo(line)
    if where:
        click.echo(f"in {where}", err=True)
    if follow:
        raise NotRunning


def _from_file(lines: int) -> tuple[list[str], str | None]:
    from fbuild_watch.cli.background import log_file
    from fbuild_watch.errors import LogUnreadable

    path = log_file()
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        click.echo("no fbuild watch is running, and none has left a log", err=True)
        return [], None
    except OSError as error:
        raise LogUnreadable(str(path), error.strerror or "it cannot be read") from error
    kept = text.splitlines()
    return kept[max(0, len(kept) - lines) :], str(path)
