"""`fbuild demo`."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from fbuild_watch.cli.common import run_async


@click.command("demo")
@click.option("--once", is_flag=True, help="Two passes by script, then exit: for CI.")
def command(once: bool) -> None:
    """See the whole loop on a virtual ESP32-C3, with the example project in a scratch folder."""
    from fbuild_watch import demo
    from fbuild_watch.control import lock

    folder = Path(tempfile.mkdtemp(prefix="fbuild-demo-"))
    project = demo.prepare(folder)
    with lock.hold(project) as held:
        if once:
            _once(project)
            shutil.rmtree(folder)
            return
        from fbuild_watch import daemon
        from fbuild_watch.cli.crash import as_internal_error
        from fbuild_watch.cli.faces import choose_console, gets_repl

        options = daemon.Options(as_internal_error, interactive=gets_repl())
        run_async(demo.run, held, options, project, choose_console(project))
    click.echo(f"your copy of the example stays in {project}", err=True)


def _once(project: Path) -> None:
    from fbuild_watch import demo

    passes = run_async(demo.run_once, project)
    click.echo(_table(passes))


def _table(passes: Sequence[Mapping[str, float]]) -> str:
    """Milliseconds by phase, a column for each pass."""
    from fbuild_watch.model import PHASES

    titles = ["first build", "after the edit"]
    rows = [f"{'ms':12}" + "".join(f"{title:>16}" for title in titles[: len(passes)])]
    for phase in PHASES:
        if any(phase in times for times in passes):
            cells = (f"{times[phase] * 1000:16.1f}" if phase in times else f"{'-':>16}"
                     for times in passes)  # fmt: skip
            rows.append(f"{phase.replace('_', ' '):12}" + "".join(cells))
    totals = (f"{sum(times.values()) * 1000:16.1f}" for times in passes)
    return "\n".join([*rows, f"{'total':12}" + "".join(totals)])
