"""The sentences that fbuild says about a pass. Pure: values in, text out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from fbuild_watch.errors import (
    BuildError,
    CompileFailed,
    FbuildError,
    LinkFailed,
    StepFailed,
    UploadFailed,
    UploadStalled,
)
from fbuild_watch.model import (
    PHASES,
    BuildReport,
    Device,
    EraseReport,
    FlashReport,
    Notice,
    Range,
    RegionCheck,
    RegionReport,
    UploadReport,
    VerifyReport,
)


def built(report: BuildReport, *, wanted: bool, no_board: bool) -> Notice:
    """A build made an image."""
    count = len(report.compiled)
    what = "linked" if report.linked else "nothing to compile"
    if count:
        what = f"compiled {_few([path.name for path in report.compiled])}"
    after = "" if wanted else "; the board holds this build"
    if wanted and no_board:
        after = "; waiting for a board"
    return Notice(f"build {report.image.build_id}: {what}{after}", "good")


def flashed(report: FlashReport | UploadReport, build_id: str) -> Notice:
    """The board has proven what it holds, or a core's own program says that it holds it."""
    if isinstance(report, UploadReport):
        return _uploaded(report, build_id)
    written = [region for region in report.regions if region.state == "written"]
    seconds = sum(report.phases.values())
    if not written:
        text = f"the board holds build {build_id} already (asked in {seconds:.2f} s)"
        return Notice(text, "good", build_id)
    what = ", ".join(_region(region) for region in written)
    return Notice(f"flashed {what} in {seconds:.2f} s, build {build_id}", "good", build_id)


def visited(result: object, held: str | None, who: str) -> Notice | None:
    """What somebody else had done with the board, which holds the build `held` now.

    None: what was done is not to be seen on the board.
    """
    match result:
        case FlashReport() | UploadReport():
            said = flashed(result, held or "unknown")
        case EraseReport(ranges=ranges):
            said = Notice(f"erased {_few([part.name for part in ranges])}")
        case _:
            return None
    return replace(said, text=f"{said.text}, by {who}")


def restarted(who: str) -> Notice:
    """Somebody else restarts the board."""
    return Notice(f"restarted by {who}")


def _uploaded(report: UploadReport, build_id: str) -> Notice:
    how = "and read back" if report.proof == "tool-verified" else "but not read back"
    seconds = sum(report.phases.values())
    text = f"{report.tool} uploaded build {build_id} {how}, in {seconds:.2f} s"
    return Notice(text, "good", build_id)


def failed(error: FbuildError) -> Notice:
    """An error, whole: a compiler's own words first, once."""
    text = f"{error}\n{error.hint}" if error.hint else str(error)
    if isinstance(error, CompileFailed | LinkFailed | StepFailed):
        text = f"{error.diagnostics.rstrip()}\n{error}; the board keeps what it has"
    elif isinstance(error, UploadFailed | UploadStalled):
        text = f"{error.stderr.rstrip()}\n{text}"
    elif isinstance(error, BuildError):
        text = f"{text}\nthe board keeps what it has"
    return Notice(text, "bad")


def count_errors(error: FbuildError) -> int:
    """How many errors a build ended with: those of the compiler or linker, else this one."""
    if not isinstance(error, CompileFailed | LinkFailed):
        return 1
    return max(1, len(re.findall(r"\b(?:fatal )?error: ", error.diagnostics)))


def phases(times: Mapping[str, float]) -> str:
    """The phases of a pass on one line, in milliseconds, in order."""
    known = [name for name in PHASES if name in times]
    parts = [f"{name.replace('_', ' ')} {times[name] * 1000:.0f}" for name in known]
    return f"{sum(times[name] for name in known):.2f} s (ms: {', '.join(parts)})"


def device(found: Device) -> str:
    """Who answered."""
    size = f", {found.flash_size // (1024 * 1024)} MB flash" if found.flash_size else ""
    return f"{found.chip} {found.mac}{size}"


def place(part: RegionReport | RegionCheck | Range) -> str:
    """A region's name, offset and size, in columns."""
    return f"{part.name:12} {part.offset:#8x} {part.size:9,} bytes"


def status(stage: str, port: str, build_id: str | None) -> str:
    """The bottom bar: what is being done, who has the port, which build the board holds."""
    board = f"board {build_id}" if build_id else "board not asked yet"
    where = {"closed": "no board", "lost": "board away"}.get(port, board)
    return f"{stage} | {where}"


def port_use(use: str) -> str:
    """The bottom bar of a console on a port that no project has."""
    return "lent: the board is being flashed or asked" if use == "flasher" else "console"


def without_dev_profile(error: FbuildError) -> str:
    """A dev build was too large."""
    return f"{error}: built with the recipe's own flags instead (dev leaves out LTO)"


def dev_cost(dev: int, release: int | None) -> str:
    """A dev build leaves something out of the recipe."""
    said = f"dev build, without link-time optimisation: {dev:,} bytes"
    if release is None:
        return f"{said} (fbuild build --release for the recipe as it stands)"
    return f"{said}, {dev - release:+,} against the last release"


def edit_waits() -> Notice:
    """Rule 3 of the loop."""
    return Notice("saved while the board is written: built as soon as the write is proven")


def nothing_built() -> Notice:
    """`flash` before the first good build."""
    return Notice("there is no good build to flash yet", "bad")


def no_board() -> Notice:
    """Something was asked of a board that is not there."""
    return Notice("no board is connected: waiting for one", "bad")


def board_back() -> Notice:
    """The port was lost and is open again."""
    return Notice("the board is back", "good")


def waiting(error: FbuildError) -> Notice:
    """A port that cannot be opened now, and is tried again."""
    return Notice(f"{error}; waiting\n{error.hint}", "bad")


def another_board(ours: str, port: str) -> Notice:
    """Where our board was is another one."""
    text = f"waiting for {ours}: on {port} is another one\nto use that one, leave and start again"
    return Notice(text, "bad")


def only_in_watch() -> Notice:
    """`flash` in a plain console."""
    return Notice("only `fbuild watch` builds and flashes", "bad")


def verified(report: VerifyReport, build_id: str) -> Notice:
    """The board was asked what it holds."""
    if not report.different:
        return Notice(f"the board holds build {build_id}", "good", build_id)
    names = ", ".join(region.name for region in report.different)
    return Notice(f"the board does not hold build {build_id}: {names} differ; :flash writes", "bad")


def explained(report: BuildReport | None) -> Notice:
    """Why the last build did what it did."""
    if report is None:
        return Notice("nothing was built yet")
    reasons = [f"{name}: {why}" for name, why in report.reasons.items()]
    return Notice("\n".join(reasons) or f"build {report.image.build_id}: nothing had to be done")


def in_bootloader(found: Device) -> Notice:
    """The firmware does not run."""
    return Notice(f"{device(found)} is in its bootloader; :reset starts the firmware")


def held_port(name: str, description: str, holder: str) -> str:
    """A port on one line."""
    what = f"{name}  {description}" if description else name
    return f"{what}  (held by {holder})" if holder else what


def port_in_use() -> Notice:
    """The flasher has the port."""
    return Notice("the board is being flashed")


def paused(now: bool) -> Notice:
    """Rule 9 of the loop."""
    return Notice("watching is paused: edits wait" if now else "watching again")


def somebody_else_writes(writer: str) -> Notice:
    """Something was typed by one who is not the writer."""
    return Notice(f"not sent: {writer} is writing to the board", "bad")


def finishing_write() -> Notice:
    """Rule 8 of the loop."""
    return Notice("leaving as soon as the write is proven")


def _region(region: RegionReport) -> str:
    unit = "sector" if region.sectors_written == 1 else "sectors"
    return f"{region.name} {region.sectors_written} {unit}"


def _few(names: list[str], most: int = 4) -> str:
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")
