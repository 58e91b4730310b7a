"""`fbuild flash`: once, without the loop. Its JSON is a contract (docs/flash-json.md)."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fbuild_watch.cli.common import (
    choose_port,
    environment_option,
    port_option,
    project_argument,
    run_async,
)
from fbuild_watch.cli.crash import as_internal_error
from fbuild_watch.errors import FbuildError

if TYPE_CHECKING:
    from fbuild_watch.cli.progress import FlashProgress
    from fbuild_watch.model import Environment, FlashReport, Image


@click.command("flash")
@project_argument
@environment_option
@port_option
@click.option(
    "--image",
    "images",
    multiple=True,
    metavar="OFFSET=FILE",
    help="Flash this file there, without a project. Can be given several times.",
)
@click.option("--no-build", is_flag=True, help="Flash what was built last.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout, nothing else.")
def command(
    project: Path,
    environment: str | None,
    port: str | None,
    images: tuple[str, ...],
    no_build: bool,
    as_json: bool,
) -> int:
    """Build PROJECT, ask the board what it holds, write only what differs, and prove it."""
    if images and no_build:
        raise click.UsageError("--image flashes files as they are: --no-build has no meaning then")
    from fbuild_watch.cli.progress import FlashProgress

    job = _Job(project, environment, port, images, no_build)
    with FlashProgress() as progress:
        try:
            report = job.run(progress)
        except Exception as error:
            if not as_json:
                raise
            progress.clear()
            known = error if isinstance(error, FbuildError) else as_internal_error(error)
            click.echo(json.dumps(_failure(known, job.port, progress)))
            return known.exit_code
    if as_json:
        click.echo(json.dumps(_success(report)))
    else:
        _say(report)
    return 0


@dataclass
class _Job:
    project: Path
    environment: str | None
    port: str | None
    images: tuple[str, ...]
    no_build: bool

    def run(self, progress: FlashProgress) -> FlashReport:
        from fbuild_watch import flash
        from fbuild_watch.oneshot import flash_once

        image, settings, phases = self._image()
        configured = settings.upload_port if settings else None
        self.port = choose_port(self.port, configured)
        import trio

        listener = flash.Listener(
            device=progress.show_device,
            progress=progress.show,
            check_cancelled=trio.from_thread.check_cancelled,
        )
        report = run_async(
            flash_once,
            image,
            self.port,
            write_baud=(settings and settings.upload_speed) or flash.DEFAULT_BAUD,
            run_baud=settings.monitor_speed if settings else flash.ROM_BAUD,
            listener=listener,
        )
        return _with_phases(report, phases)

    def _image(self) -> tuple[Image, Environment | None, dict[str, float]]:
        """The image, the project's settings if there is a project, and what the build took."""
        from fbuild_watch import image, project

        if self.images:
            return image.from_files(self.images), None, {}
        if self.no_build:
            settings = project.load(self.project, self.environment)
            return image.load_built(settings.build_dir), settings, {}
        from fbuild_watch.cli.progress import BuildProgress
        from fbuild_watch.pipeline import Pipeline

        pipeline = Pipeline(self.project, self.environment)
        with BuildProgress() as progress:
            built = run_async(pipeline.build, on_event=progress.show)
        return built.image, pipeline.environment, dict(built.phases)


def _with_phases(report: FlashReport, before: dict[str, float]) -> FlashReport:
    from dataclasses import replace

    return replace(report, phases={**before, **report.phases})


def _success(report: FlashReport) -> dict[str, Any]:
    return {
        "ok": True,
        "chip": report.device.chip,
        "mac": report.device.mac,
        "port": report.port,
        "regions": [asdict(region) for region in report.regions],
        "phases": dict(report.phases),
    }


def _failure(error: FbuildError, port: str | None, progress: FlashProgress) -> dict[str, Any]:
    device = progress.device
    return {
        "ok": False,
        "chip": device.chip if device else None,
        "mac": device.mac if device else None,
        "port": port,
        "regions": [],
        "phases": {},
        "error": {"code": error.code, "message": str(error), "hint": error.hint},
    }


def _say(report: FlashReport) -> None:
    for region in report.regions:
        sectors = f", {region.sectors_written} sectors" if region.sectors_written else ""
        click.echo(f"{region.name:12} {region.offset:#8x} {region.size:9,} bytes  "
                   f"{region.state}{sectors}")  # fmt: skip
    from fbuild_watch import words

    click.echo(f"proven on {report.port}; {words.phases(report.phases)}", err=True)
