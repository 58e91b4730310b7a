"""The esptool session: one connection to one board, spoken through esptool as a library.

Blocking code for a thread of its own; `flash` is its async face. The only module that talks to
a board through esptool. esptool is imported when the first session starts.

Rules
- The port is given open and stays open: its `close` does nothing (esptool calls it when a board
  does not answer), because opening and closing it would pulse DTR/RTS.
- Cancellation is looked at between requests, and no more from the first erase on:
  then the dialogue runs to its proof.
- The board is left running: after success, after a refusal and after a cancelled check alike.
- esptool's exceptions are translated here (`_translated`) and nowhere else.
"""

from __future__ import annotations

import contextlib
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import trio

from fbuild_watch import esptool_quiet
from fbuild_watch.errors import (
    ConnectionLost,
    FlashError,
    ImageTooBig,
    NoAnswer,
    PortLost,
    SecureDownloadMode,
    WrongChip,
)
from fbuild_watch.flash.cost import CostModel
from fbuild_watch.flash.dialogue import Dialogue, Prepare, Read, Reconnect, Request, until_proven
from fbuild_watch.flash.planner import AskDigest
from fbuild_watch.model import Device, FlashReport, Image, Md5

ROM_BAUD = 115200
"""The rate every ROM answers at."""

DEFAULT_BAUD = 460800
"""Reliable on every USB bridge in the field; platformio.ini's upload_speed overrides it."""

MAX_ROM_BAUD = 921600
"""ESP32's ROM guesses its crystal and is flaky above 1 Mbaud (esptool#365)."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a step is. `total` is 0 where it is not known."""

    step: str
    done: int = 0
    total: int = 0


@dataclass(frozen=True, slots=True)
class Listener:
    """What a caller may want to know while a session runs. Called in the session's thread."""

    device: Callable[[Device], None] = lambda _device: None
    erasing: Callable[[], None] = lambda: None
    """Called once, just before the first erase: from here on there is no way back."""
    progress: Callable[[Progress], None] = lambda _progress: None
    check_cancelled: Callable[[], None] = lambda: None
    """Raises to end the session. Not called any more once `erasing` was."""


async def flash(
    port: Any,
    image: Image,
    *,
    name: str,
    modem_lines: bool = True,
    write_baud: int,
    run_baud: int,
    listener: Listener = Listener(),
) -> FlashReport:
    """Make the board on the open `port` hold `image`; return what the device has proven.

    `port` is an open pyserial-like object; `name` is what the user calls it. The board is talked
    to at `write_baud` and runs, with the port set to `run_baud`, when this returns or raises.
    Cancelling ends it before the first erase; later it waits until the image is proven.
    Raises FlashError, InvalidImage, ImageTooBig, PortLost.
    """
    session = Session(port, name, modem_lines=modem_lines, listener=listener)

    def work() -> FlashReport:
        return session.run(image, write_baud=write_baud, run_baud=run_baud)

    return await trio.to_thread.run_sync(work, abandon_on_cancel=False)


def prepare() -> None:
    """Import esptool and load what it loads late, so that the first flash does not pay for it."""
    esptool_quiet.silence()
    import esptool.cmds  # noqa: F401


class Session:
    """One visit to a board: connect, ask, write, prove, let it run."""

    def __init__(
        self, port: Any, name: str, *, modem_lines: bool = True, listener: Listener = Listener()
    ) -> None:
        self._port = port
        self._name = name
        self._modem_lines = modem_lines
        self._listener = listener
        self._esp: Any = None
        self._device: Device | None = None
        self._erasing = False
        self._step = "connecting"
        self._clock = _PhaseClock()

    def run(self, image: Image, *, write_baud: int, run_baud: int) -> FlashReport:
        """Connect, bring the flash up to date, and release the board into its firmware."""
        prepare()
        dialogue = until_proven(image, self._name, CostModel())
        try:
            with self._translated():
                request = next(dialogue)  # an image that cannot be flashed is refused here
                self._connect(image, write_baud)
                self._clock.end("connected")
                regions = self._drive(dialogue, request)
        finally:
            self._release(run_baud)
        assert self._device is not None
        return FlashReport(self._name, self._device, regions, self._clock.phases)

    # -- connecting ---------------------------------------------------------------------

    def _connect(self, image: Image, baud: int) -> None:
        from esptool.cmds import attach_flash, detect_chip

        self._listener.progress(Progress("connecting"))
        mode = "default-reset" if self._modem_lines else "no-reset"
        self._esp = detect_chip(self._port, ROM_BAUD, mode)
        if self._esp.secure_download_mode:
            raise SecureDownloadMode(self._name)
        self._check_chip(image.chip)
        if self._esp.CHIP_NAME == "ESP8266":
            self._esp = self._esp.run_stub()  # its ROM has neither baud change nor digests
        if baud > ROM_BAUD:
            self._esp.change_baud(baud if self._esp.IS_STUB else min(baud, MAX_ROM_BAUD))
        attach_flash(self._esp)
        self._device = self._identify()
        self._listener.device(self._device)
        self._check_size(image)
        self._set_flash_size()

    def _check_chip(self, expected: str | None) -> None:
        found = self._esp.CHIP_NAME
        if expected is not None and expected != _plain(found):
            raise WrongChip(self._name, expected, _plain(found))

    def _identify(self) -> Device:
        from esptool.cmds import detect_flash_size
        from esptool.util import flash_size_bytes

        size = detect_flash_size(self._esp)
        mac = ":".join(f"{byte:02x}" for byte in self._esp.read_mac("BASE_MAC"))
        return Device(self._esp.CHIP_NAME, mac, flash_size_bytes(size) if size else None)

    def _check_size(self, image: Image) -> None:
        assert self._device is not None
        limit = self._device.flash_size
        for region in image.regions:
            if limit is not None and region.offset + region.size > limit:
                raise ImageTooBig(region.name, region.offset + region.size, limit, "the flash")

    def _set_flash_size(self) -> None:
        """A digest above 2 MB fails on ESP32's ROM without this (esp-serial-flasher#23)."""
        if self._device is not None and self._device.flash_size is not None:
            self._esp.flash_set_parameters(self._device.flash_size)

    # -- the dialogue -------------------------------------------------------------------

    def _drive(self, dialogue: Dialogue, request: Request) -> Any:
        self._step = "being checked"
        try:
            while True:
                if not self._erasing:
                    self._listener.check_cancelled()
                request = dialogue.send(self._answer(request))
        except StopIteration as stop:
            self._clock.end("verified" if self._erasing else "checked")
            return stop.value

    def _answer(self, request: Request) -> Md5 | bytes | None:
        if isinstance(request, AskDigest):
            if self._step == "being written":
                self._clock.end("written")
                self._step = "being verified"
            return self._digest(request)
        if isinstance(request, Prepare):
            self._begin_writing()
        elif isinstance(request, Read):
            return self._esp.read_flash(request.offset, request.size)
        elif not isinstance(request, Reconnect):
            self._write(request)
        return None

    def _digest(self, request: AskDigest) -> Md5:
        self._listener.progress(Progress(self._step))
        return Md5(bytes.fromhex(self._esp.flash_md5sum(request.offset, request.size)))

    def _begin_writing(self) -> None:
        self._clock.end("checked")
        if not self._esp.IS_STUB:
            self._esp = self._esp.run_stub()  # the stub writes 16 KB blocks, the ROM 1 KB
            self._set_flash_size()
        self._listener.check_cancelled()
        self._erasing = True
        self._step = "being written"
        self._listener.erasing()

    def _write(self, request: Write) -> None:
        from esptool.loader import ERASE_WRITE_TIMEOUT_PER_MB, timeout_per_mb

        esp, packed = self._esp, zlib.compress(request.data, 9)
        esp.flash_defl_begin(len(request.data), len(packed), request.offset)
        inflate, done = zlib.decompressobj(), 0
        for seq, start in enumerate(range(0, len(packed), esp.FLASH_WRITE_SIZE)):
            block = packed[start : start + esp.FLASH_WRITE_SIZE]
            grown = len(inflate.decompress(block))
            timeout = timeout_per_mb(ERASE_WRITE_TIMEOUT_PER_MB, grown + 2 * 64 * 1024)
            esp.flash_defl_block(block, seq, timeout=timeout)
            done += grown
            self._listener.progress(Progress(self._step, done, len(request.data)))
        # The stub acknowledges a block before it is programmed; this read is answered only
        # when the last one is (esptool, write_flash).
        esp.read_reg(esp.CHIP_DETECT_MAGIC_REG_ADDR, timeout=timeout)

    # -- the end ------------------------------------------------------------------------

    def _release(self, run_baud: int) -> None:
        """Let the firmware run. A port that is gone by now was reported where it was lost."""
        from esptool.reset import HardReset
        from serial import SerialException

        with contextlib.suppress(OSError, SerialException):
            self._port.baudrate = run_baud
            self._port.reset_input_buffer()
            if self._modem_lines:
                reset = self._esp.hard_reset if self._esp is not None else HardReset(self._port)
                reset()

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        import serial
        from esptool.util import FatalError

        try:
            yield
        except FatalError as error:
            raise self._as_flash_error(_first_line(error), gone=False) from error
        except (serial.SerialException, OSError) as error:
            if self._device is None:
                raise PortLost(self._name, _first_line(error)) from error
            raise self._as_flash_error(_first_line(error), gone=True) from error

    def _as_flash_error(self, reason: str, *, gone: bool) -> FlashError:
        if self._device is None:
            hint = "" if self._modem_lines else _NO_LINES
            return NoAnswer(self._name, reason, hint=hint)
        return ConnectionLost(self._name, self._step, reason, written=self._erasing, gone=gone)


_NO_LINES = (
    "this port has no DTR/RTS lines, so the board cannot be reset from here: put it into download "
    "mode by hand (hold BOOT, press RESET), or use rfc2217:// in place of socket://"
)


class _PhaseClock:
    """Seconds from one named moment to the next."""

    def __init__(self) -> None:
        self.phases: dict[str, float] = {}
        self._since = time.monotonic()

    def end(self, phase: str) -> None:
        now = time.monotonic()
        self.phases[phase] = now - self._since
        self._since = now


def _plain(chip_name: str) -> str:
    """esptool's display name as its short name: "ESP32-C3" -> "esp32c3"."""
    return chip_name.lower().replace("-", "").partition("(")[0]


def _first_line(error: BaseException) -> str:
    return str(error).strip().splitlines()[0].rstrip(".:") if str(error).strip() else repr(error)
