"""The process's own types to those of the wire. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fbuild_watch.build import BuildEvent, Started, StepDone, UnitDone
from fbuild_watch.control import news
from fbuild_watch.control.messages import BuildDone, BuiltRegion
from fbuild_watch.control.news import Bytes, Item, LogLine, PackageStep, Said, State, Text
from fbuild_watch.loop import LoopState
from fbuild_watch.model import (
    BuildReport,
    ConsoleItem,
    DeviceBytes,
    DeviceText,
    Environment,
    Notice,
    Status,
)
from fbuild_watch.system.epoch import to_epoch

if TYPE_CHECKING:
    from fbuild_watch.packages import Progress as PackageProgress


def item(shown: ConsoleItem) -> Item | None:
    """An item of a console; None: the state, in words, for which there is `state`."""
    match shown:
        case DeviceBytes(data, at):
            return Bytes(data, to_epoch(at))
        case DeviceText(text, complete, at):
            return Text(text, complete, to_epoch(at))
        case Notice(text, kind, proven):
            return Said(text, kind, proven)
    return None


def state(now: LoopState, shown: Status) -> State:
    """The state of a loop, and what its bottom bar shows."""
    return State(
        str(now.stage), str(now.port), now.proven,
        shown.text, shown.chip, shown.port, shown.baud, shown.took, shown.errors,
    )  # fmt: skip


def built(report: BuildReport, environment: Environment) -> BuildDone:
    """What was built."""
    return BuildDone(
        report.image.build_id,
        str(environment.build_dir),
        [BuiltRegion(region.name, region.offset, region.size) for region in report.image.regions],
        [str(source) for source in report.compiled],
        report.linked,
        dict(report.phases),
    )


def package(step: PackageProgress) -> PackageStep:
    """A step of an installation."""
    return PackageStep(step.package, step.step, step.done, step.total, step.detail)


class BuildSteps:
    """The events of one build as progress."""

    def __init__(self) -> None:
        self._done = self._total = 0

    def step(self, event: BuildEvent) -> news.Step | None:
        """None: nothing to tell."""
        match event:
            case Started(total, done):
                self._total, self._done = total, done
            case UnitDone(source, _seconds, ok, output, _reason, reused):
                self._done += 1
                said = output if ok else ""  # a failure's words come with the error
                return news.UnitBuilt(str(source), self._done, self._total, said, reused)
            case StepDone(name, _seconds, output):
                return news.StepBuilt(name, output)
        return None


def weight(sent: tuple[str, Item]) -> int:
    """What an item costs while it waits: its text, and some bytes for being there."""
    match sent[1]:
        case Bytes(data=data):
            return 64 + len(data)
        case Text(text=text) | Said(text=text) | LogLine(text=text):
            return 64 + len(text)
    return 64
