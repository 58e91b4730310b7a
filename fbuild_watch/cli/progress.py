"""Progress on stderr: a line for each unit, a bar on a terminal, nothing that a pipe would keep."""

from __future__ import annotations

import sys
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import click

from fbuild_watch.cli.common import draws

if TYPE_CHECKING:
    from fbuild_watch.build import BuildEvent, Reason
    from fbuild_watch.control.news import PackageStep as PackageNews
    from fbuild_watch.flash import Progress
    from fbuild_watch.model import Device
    from fbuild_watch.packages import Progress as PackageStep


class _OneLine:
    """A line on a terminal that is written over again and again, and gone at the end."""

    def __init__(self) -> None:
        self._live = sys.stderr.isatty() and draws()
        self._shown = ""

    def show_line(self, text: str) -> None:
        """Put `text` in the place of what was shown before."""
        if self._live and text != self._shown:
            click.echo(f"\r\x1b[K{text}", nl=False, err=True)
            self._shown = text

    def clear(self) -> None:
        """Leave no trace."""
        if self._shown:
            click.echo("\r\x1b[K", nl=False, err=True)
            self._shown = ""

    def __enter__(self) -> _OneLine:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.clear()


class PackageProgress(_OneLine):
    """What is fetched and installed: one line for each package that was."""

    def __init__(self) -> None:
        super().__init__()
        self._coming: dict[str, PackageStep | PackageNews] = {}
        """What is downloaded now: package -> its last step."""

    def __enter__(self) -> PackageProgress:
        return self

    def show_package(self, step: PackageStep | PackageNews) -> None:
        """Show one step of one package."""
        self._coming.pop(step.package, None)
        if step.step == "downloading":
            self._coming[step.package] = step
        if step.step in ("installed", "repairing"):
            self.clear()
            click.echo(f"{step.step} {step.package}: {step.detail}", err=True)
        elif len(self._coming) > 1:
            coming = self._coming.values()
            total = sum(one.total or 0 for one in coming) if all(one.total for one in coming) else 0
            amount = _amount(sum(one.done for one in coming), total)
            self.show_line(f"downloading {len(coming)} packages{amount}")
        else:
            self.show_line(f"{step.step} {step.package}{_amount(step.done, step.total)}")


def _amount(done: int, total: int | None) -> str:
    if total:
        return f" {done * 100 // total} % of {total / 1e6:.1f} MB"
    return f" {done / 1e6:.1f} MB" if done else ""


class BuildProgress(PackageProgress):
    """What is installed and compiled, and the compilers' warnings, each once and whole."""

    def __init__(self, *, explain: bool = False) -> None:
        super().__init__()
        self._explain = explain
        self._done = self._total = 0

    def __enter__(self) -> BuildProgress:
        return self

    def say(self, words: str) -> None:
        """Show a sentence that stays."""
        self.clear()
        click.echo(words, err=True)

    def show(self, event: BuildEvent) -> None:
        """Show one event of a build."""
        from fbuild_watch.build import Started, StepDone, UnitDone, Waits

        match event:
            case Waits():
                self.say("another fbuild builds in this folder: waiting for its end")
            case Started(total, done):
                self._total, self._done = total, done
            case UnitDone(source, _seconds, ok, output, reason, reused):
                self._done += 1
                self._unit(source, output if ok else "", "from the cache" if reused else "compiled")
                self._because(source.name, reason)
            case StepDone(name, _seconds, output, reason):
                self._warn(output)
                self.show_line(name)
                self._because(name, reason)

    def _because(self, what: str, reason: Reason) -> None:
        if self._explain:
            self.say(f"{what}: {reason}")

    def _unit(self, source: Path, warnings: str, done: str) -> None:
        self._warn(warnings)
        text = f"{done} {self._done}/{self._total} {source.name}"
        if self._live:
            self.show_line(text)
        else:
            click.echo(text, err=True)

    def _warn(self, output: str) -> None:
        if output.strip():
            self.clear()
            click.echo(output.rstrip(), err=True)


class FlashProgress(PackageProgress):
    """Connecting, asking, writing; and what the running process tells of a build before."""

    def __init__(self) -> None:
        super().__init__()
        self.device: Device | None = None

    def __enter__(self) -> FlashProgress:
        return self

    def show(self, progress: Progress) -> None:
        """Show one step of a flash. Called in the flasher's thread."""
        share = f" {progress.done * 100 // progress.total} %" if progress.total else ""
        self.show_line(f"{progress.step}{share}")

    def show_device(self, device: Device) -> None:
        """Remember, and say, who answered."""
        from fbuild_watch import words

        self.device = device
        self.clear()
        click.echo(words.device(device), err=True)
