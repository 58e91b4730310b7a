"""What else can be asked of a board: verify, erase, read, who are you, stay in the bootloader.

Each is one visit through the esptool session, in a thread; the async functions are their faces. The
board runs again when one returns or raises, but for `enter_bootloader`.

Rules
- A visit is cancelled between two requests; from the first erase on it runs to its proof.
- Erased is what the device's own digest says is erased.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Literal, TypeVar

import trio

from fbuild_watch.errors import BeyondFlash, VerifyFailed
from fbuild_watch.flash.connect import Line
from fbuild_watch.flash.dialogue import check_layout
from fbuild_watch.flash.guess import NOTHING
from fbuild_watch.flash.link import Link
from fbuild_watch.flash.listener import Listener, Progress
from fbuild_watch.flash.planner import md5
from fbuild_watch.flash.session import check_size, refuse_without_regions
from fbuild_watch.flash.visit import Visit
from fbuild_watch.model import (
    SECTOR,
    Device,
    EraseReport,
    Image,
    Md5,
    Range,
    Region,
    RegionCheck,
    VerifyReport,
)

T = TypeVar("T")

_SILENT = Listener()

Choose = Callable[[Callable[[int, int], bytes], Device], Sequence[Range]]
"""Says what to erase, of a board that can be read: (read(offset, size), device) -> ranges."""


async def verify(line: Line, image: Image, listener: Listener = _SILENT) -> VerifyReport:
    """Ask the board for the digest of each region. Writes nothing, and loads no stub.

    Raises FlashError, InvalidImage, ImageTooBig, PortLost.
    """
    return await _in_thread(lambda: _Visit(line, listener, image.chip).verify(image))


async def erase(line: Line, choose: Choose, listener: Listener = _SILENT) -> EraseReport:
    """Erase the ranges that `choose` names, whole sectors, and prove it. Raises FlashError."""
    return await _in_thread(lambda: _Visit(line, listener).erase(choose))


async def read(line: Line, offset: int, size: int, listener: Listener = _SILENT) -> bytes:
    """What the flash holds. Raises BeyondFlash, FlashError."""
    return await _in_thread(lambda: _Visit(line, listener).read(offset, size))


async def identify(line: Line, listener: Listener = _SILENT) -> Device:
    """Who answers. The board is reset for it. Raises FlashError."""
    return await _in_thread(lambda: _Visit(line, listener).identify())


async def enter_bootloader(line: Line, listener: Listener = _SILENT) -> Device:
    """Bring the board into its ROM bootloader and leave it there, at 115200. Raises FlashError."""
    return await _in_thread(lambda: _Visit(line, listener).identify(leave=False))


async def _in_thread(work: Callable[[], T]) -> T:
    return await trio.to_thread.run_sync(work, abandon_on_cancel=False)


class _Visit(Visit):
    """A connection to a board that is used in another way than the session uses it."""

    def __init__(self, line: Line, listener: Listener, chip: str | None = None) -> None:
        super().__init__(line, listener=listener, chip=chip)

    @contextmanager
    def connected(self, *, leave: bool = True) -> Iterator[Link]:
        """As `Visit.connected`; how the board was reached is remembered when all went well."""
        with super().connected(leave=leave) as link:
            yield link
            self.memory.remember(self.known(), self.memory.guess(self.device.mac))

    def verify(self, image: Image) -> VerifyReport:
        refuse_without_regions(image, self.line.name)
        check_layout(image)
        with self.connected() as link:
            check_size(image, self.device)
            self.step = "being checked"
            checks = []
            for region in image.regions:
                self.listener.check_cancelled()
                self.listener.progress(Progress(self.step))
                checks.append(_checked(region, link.digest(region.offset, region.size)))
            self.end_phase("checked")
        return VerifyReport(self.line.name, self.device, tuple(checks), self.phases)

    def erase(self, choose: Choose) -> EraseReport:
        with self.connected() as link:
            link.need_stub()
            ranges = tuple(choose(self._read, self.device))
            for part in ranges:
                self._check_place(part.offset, part.size)
            self.listener.check_cancelled()
            self.erasing = True
            self.listener.erasing()
            for part in ranges:
                self._erase(part)
            self.memory.remember(self.known(), NOTHING)
            self.end_phase("erased")
            for part in ranges:
                self._prove_erased(part)
            self.end_phase("verified")
        return EraseReport(self.line.name, self.device, ranges, self.phases)

    def read(self, offset: int, size: int) -> bytes:
        with self.connected():
            self._check_place(offset, size)
            return self._read(offset, size)

    def identify(self, *, leave: bool = True) -> Device:
        with self.connected(leave=leave):
            return self.device

    # -- requests -----------------------------------------------------------------------

    def _read(self, offset: int, size: int) -> bytes:
        self.step = "being read"

        def progress(done: int, total: int) -> None:
            self.listener.progress(Progress(self.step, done, total))
            self.listener.check_cancelled()

        return self.link.read(offset, size, progress)

    def _erase(self, part: Range) -> None:
        self.step = "being erased"
        self.listener.progress(Progress(f"erasing {part.name}"))
        self.link.esp.erase_region(part.offset, -(-part.size // SECTOR) * SECTOR)

    def _prove_erased(self, part: Range) -> None:
        self.step = "being verified"
        self.listener.progress(Progress(self.step))
        if self.link.digest(part.offset, part.size) != md5(b"\xff" * part.size):
            raise VerifyFailed(self.line.name, part.name, part.offset, erased=True)

    def _check_place(self, offset: int, size: int) -> None:
        limit = self.device.flash_size
        if limit is not None and offset + size > limit:
            raise BeyondFlash(self.line.name, offset, size, limit)


def _checked(region: Region, digest: Md5) -> RegionCheck:
    state: Literal["same", "different"] = "same" if digest == md5(region.data) else "different"
    return RegionCheck(region.name, region.offset, region.size, state)
