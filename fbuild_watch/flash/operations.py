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
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import trio

from fbuild_watch.errors import BeyondFlash, VerifyFailed
from fbuild_watch.flash.dialogue import check_layout
from fbuild_watch.flash.planner import md5
from fbuild_watch.flash.session import ROM_BAUD, Listener, Progress, Session, prepare
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
_NOTHING = Image(())

Choose = Callable[[Callable[[int, int], bytes], Device], Sequence[Range]]
"""Says what to erase, of a board that can be read: (read(offset, size), device) -> ranges."""


@dataclass(frozen=True, slots=True)
class Line:
    """An open port, what the user calls it, and the rates on it (see `session.flash`)."""

    port: Any
    name: str
    modem_lines: bool
    write_baud: int
    run_baud: int


async def verify(line: Line, image: Image, listener: Listener = _SILENT) -> VerifyReport:
    """Ask the board for the digest of each region. Writes nothing, and loads no stub.

    Raises FlashError, InvalidImage, ImageTooBig, PortLost.
    """
    return await _in_thread(lambda: _Visit(line, listener).verify(image))


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


class _Visit(Session):
    """A connection to a board that is used in another way than `bring_up_to_date` uses it."""

    def __init__(self, line: Line, listener: Listener) -> None:
        super().__init__(line.port, line.name, modem_lines=line.modem_lines, listener=listener)
        self._line = line

    def verify(self, image: Image) -> VerifyReport:
        check_layout(image)
        with self._connected(image) as device:
            self._step = "being checked"
            checks = []
            for region in image.regions:
                self._listener.check_cancelled()
                checks.append(self._check(region))
            self._clock.end("checked")
        return VerifyReport(self._name, device, tuple(checks), self._clock.phases)

    def _check(self, region: Region) -> RegionCheck:
        same = self._digest_of(region.offset, region.size) == md5(region.data)
        state: Literal["same", "different"] = "same" if same else "different"
        return RegionCheck(region.name, region.offset, region.size, state)

    def erase(self, choose: Choose) -> EraseReport:
        with self._connected() as device:
            self._load_stub()
            ranges = tuple(choose(self._read, device))
            for part in ranges:
                self._check_place(part.offset, part.size)
            self._listener.check_cancelled()
            self._erasing = True
            self._listener.erasing()
            for part in ranges:
                self._erase(part)
            self._clock.end("erased")
            for part in ranges:
                self._prove_erased(part)
            self._clock.end("verified")
        return EraseReport(self._name, device, ranges, self._clock.phases)

    def read(self, offset: int, size: int) -> bytes:
        with self._connected():
            self._check_place(offset, size)
            self._load_stub()
            return self._read(offset, size)

    def identify(self, *, leave: bool = True) -> Device:
        with self._connected(leave=leave) as device:
            return device

    # -- the connection -----------------------------------------------------------------

    @contextmanager
    def _connected(self, image: Image = _NOTHING, *, leave: bool = True) -> Iterator[Device]:
        """From reset to release. `leave` False: the board stays in its bootloader if all is well."""
        prepare()
        stays = False
        try:
            with self._translated():
                self._connect(image, self._line.write_baud if leave else ROM_BAUD)
                self._clock.end("connected")
                assert self._device is not None
                yield self._device
                stays = not leave
        finally:
            if not stays:
                self._release(self._line.run_baud)

    def _load_stub(self) -> None:
        if not self._esp.IS_STUB:
            self._esp = self._esp.run_stub()
            self._set_flash_size()

    # -- requests -----------------------------------------------------------------------

    def _digest_of(self, offset: int, size: int) -> Md5:
        self._listener.progress(Progress(self._step))
        return Md5(bytes.fromhex(self._esp.flash_md5sum(offset, size)))

    def _read(self, offset: int, size: int) -> bytes:
        self._step = "being read"

        def progress(done: int, total: int, _offset: int) -> None:
            self._listener.progress(Progress(self._step, done, total))
            self._listener.check_cancelled()

        data: bytes = self._esp.read_flash(offset, size, progress)
        return data

    def _erase(self, part: Range) -> None:
        self._step = "being erased"
        self._listener.progress(Progress(f"erasing {part.name}"))
        self._esp.erase_region(part.offset, -(-part.size // SECTOR) * SECTOR)

    def _prove_erased(self, part: Range) -> None:
        self._step = "being verified"
        if self._digest_of(part.offset, part.size) != md5(b"\xff" * part.size):
            raise VerifyFailed(self._name, part.name, part.offset, erased=True)

    def _check_place(self, offset: int, size: int) -> None:
        assert self._device is not None
        limit = self._device.flash_size
        if limit is not None and offset + size > limit:
            raise BeyondFlash(self._name, offset, size, limit)
