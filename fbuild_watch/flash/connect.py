"""From an open port to a loader that answers: reset, SYNC, which chip, is it locked, attach its flash.

Blocking; esptool knows the chips. What a board was like the last time (`Known`) makes it quick and
is checked as it is used; on a first contact, and after an error, every step of esptool's is taken.

Rules
- The port is at 115200 while the board resets, so that the ROM's banner can be read: "waiting for
  download" ends the wait for the chip, and a flash boot is known to be one at once.
- SYNC is tried at the rate that is wanted, up to 460800, once; then at 115200. The ROM finds the
  rate by itself, reliably up to there (esptool#365), so no change of rate is needed after it.
- Without modem lines there is no second try after a wrong guess of a rate: 115200, and it stays.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from fbuild_watch.errors import FlashEncrypted, SecureBoot, SecureDownloadMode
from fbuild_watch.flash import resets
from fbuild_watch.flash.boards import BoardMemory, Known
from fbuild_watch.flash.dialogue import LinkBroke
from fbuild_watch.flash.resets import Reset
from fbuild_watch.flash.translate import translated

ROM_BAUD = 115200
"""The rate every ROM answers at, and prints its banner at."""

MAX_SYNC_BAUD = 460800

READY = b"waiting for download"
_BOOT_MODE = re.compile(rb"boot:0x[0-9a-f]+ \(([^)]*)")

ANSWER_S, WRITE_S = 3.0, 10.0
"""esptool's own limits, for what it waits for without saying how long (its stub's greeting), and
for bytes that the port does not take. The greeting comes at once; whoever carries it may be busy."""

SYNC_TRIES = 3
"""SYNCs for one reset; each waits 0.1 s for its answer."""


@dataclass(frozen=True, slots=True)
class Line:
    """An open port, what the user calls it, and how the board on it is to be reached.

    `port` is an open pyserial-like object. The board is talked to at up to `write_baud`, and runs
    with the port set to `run_baud` afterwards.
    """

    port: Any
    name: str
    modem_lines: bool
    write_baud: int
    run_baud: int
    reset: str = "auto"
    """A name of `resets.NAMED`, or a sequence of one's own."""
    memory: BoardMemory | None = None
    """How boards were reached before, and what they may hold; None: nothing is known."""
    mac: str | None = None
    """The board that it has to be ("aa:bb:cc:dd:ee:ff"); None: any."""

    @property
    def resets(self) -> tuple[Reset, ...]:
        """The methods to be tried, in order. Raises InvalidReset."""
        if not self.modem_lines:
            return resets.NAMED["none"]
        if self.reset == "auto" and _is_usb_jtag(self.name):
            return resets.NAMED["usb-jtag"]
        return resets.chosen(self.reset)


@dataclass(frozen=True, slots=True)
class Reached:
    """A loader that has answered a SYNC. `esp` is an esptool loader of no chip yet."""

    esp: Any
    baud: int
    method: int
    """Which of the line's resets did it."""
    seen: bool
    """Whether the ROM's banner was read: then EN was low without doubt."""


def _is_usb_jtag(port: str) -> bool:
    from esp_pylib.constants import ESPRESSIF_VID, USB_JTAG_SERIAL_PID
    from esp_pylib.errors import PortVidPidNotFoundError
    from esp_pylib.serial_ports import get_port_vid_pid

    try:
        return bool(get_port_vid_pid(port) == (ESPRESSIF_VID, USB_JTAG_SERIAL_PID))
    except PortVidPidNotFoundError:
        return False


# --- a loader that answers -----------------------------------------------------------------


def reach(
    line: Line, known: Known | None, *, baud: int, check_cancelled: Callable[[], None]
) -> Reached:
    """Bring the board into its bootloader and get an answer. Raises LinkBroke, OSError."""
    reason = ""
    line.port.write_timeout = WRITE_S
    for method, rate in _tries(line, known, baud):
        check_cancelled()
        reset = line.resets[method]
        line.port.baudrate = ROM_BAUD if line.modem_lines else rate
        heard = _enter(reset, line.port)
        mode = _BOOT_MODE.search(heard)
        if mode and READY not in heard and b"DOWNLOAD" not in mode[1]:
            reason = f"it started its firmware: boot mode {mode[1].decode('ascii', 'replace')}"
            continue
        try:
            esp = _sync(line.port, rate)
        except LinkBroke as broke:
            reason = str(broke)
            if READY in heard:
                reason = f"it waits for a download, but does not hear us ({reason})"
        else:
            return Reached(esp, rate, method, READY in heard)
    raise LinkBroke(reason)


def _tries(line: Line, known: Known | None, baud: int) -> Iterator[tuple[int, int]]:
    """(method, rate) in the order of hope: what worked, then each method, at last once more."""
    count = len(line.resets)
    fast = min(baud, MAX_SYNC_BAUD) if line.modem_lines else ROM_BAUD
    if known is not None and known.reset < count:
        yield known.reset, min(known.sync_baud, fast) if line.modem_lines else ROM_BAUD
    yield 0, fast
    for method in range(count):
        yield method, ROM_BAUD
    yield 0, ROM_BAUD


def _enter(reset: Reset, port: Any) -> bytes:
    """Reset into the bootloader; returns what the ROM said, as soon as it is ready."""
    if not reset.enter:
        return b""
    port.reset_input_buffer()
    resets.carry_out(reset.enter, port)
    heard = _hear_until_ready(port, reset.settle)
    resets.carry_out((resets.RELAX,), port)
    return heard


def _hear_until_ready(port: Any, seconds: float) -> bytes:
    deadline = time.monotonic() + seconds
    port.timeout = seconds
    heard = b""
    while READY not in heard and time.monotonic() < deadline:
        heard += port.read(max(1, port.in_waiting))
    return heard


def _sync(port: Any, baud: int) -> Any:
    from esptool.loader import ESPLoader

    port.timeout = ANSWER_S
    for left in reversed(range(SYNC_TRIES)):
        try:
            with translated():
                esp = ESPLoader(port, baud)
                esp.flush_input()
                esp.sync()
                return esp
        except LinkBroke:
            if not left:
                raise
    raise AssertionError("unreachable")


# --- which chip ----------------------------------------------------------------------------


def identified(reached: Reached, known: Known | None) -> Any:
    """esptool's object for the chip that answers. A chip that is the known one costs one question.

    Raises FatalError for a chip that esptool does not know.
    """
    from esptool.cmds import detect_chip

    probe = reached.esp
    if known is not None and not probe.sync_stub_detected:
        esp = _as_known(probe, known)
        if esp is not None:
            return esp
    return detect_chip(probe._port, reached.baud, "no-reset", connect_attempts=1)


def _as_known(probe: Any, known: Known) -> Any | None:
    """The chip of last time, if it is that one by its own word."""
    from esptool.targets import CHIP_DEFS

    kind = CHIP_DEFS.get(plain(known.chip))
    if kind is None or not _is(probe, kind):
        return None
    esp = kind(probe._port, probe.get_baud())
    esp.cache = probe.cache
    esp.ESP_RAM_BLOCK = known.ram_block
    if not kind.USES_MAGIC_VALUE:
        flags = esp.get_security_info()["parsed_flags"]
        esp.secure_download_mode = flags["SECURE_DOWNLOAD_ENABLE"]
    return esp


def _is(probe: Any, kind: Any) -> bool:
    from esptool.util import FatalError

    with suppress(FatalError):
        if kind.USES_MAGIC_VALUE:
            return bool(probe.read_reg(kind.CHIP_DETECT_MAGIC_REG_ADDR) == kind.MAGIC_VALUE)
        return bool(probe.get_chip_id() == kind.IMAGE_CHIP_ID)
    return False


def plain(chip_name: str) -> str:
    """esptool's display name as its short name: "ESP32-C3" -> "esp32c3"."""
    return chip_name.lower().replace("-", "").partition("(")[0]


def refuse_locked(esp: Any, port: str) -> None:
    """Raise for a chip on which a plain image cannot be proven, or would not run."""
    if esp.secure_download_mode:
        raise SecureDownloadMode(port)
    encrypted, signed = _locks(esp)
    if encrypted:
        raise FlashEncrypted(port)
    if signed:
        raise SecureBoot(port)


def _locks(esp: Any) -> tuple[bool, bool]:
    """(flash encryption, secure boot): one answer has both where the chip gives it, else eFuses."""
    info = esp.cache["security_info"]
    if info is not None:
        odd = info["flash_crypt_cnt"].bit_count() % 2 == 1
        return odd, info["parsed_flags"]["SECURE_BOOT_EN"]
    return bool(esp.get_flash_encryption_enabled()), bool(esp.get_secure_boot_enabled())


# --- its flash -----------------------------------------------------------------------------


def attach_lean(esp: Any) -> None:
    """Connect the ROM to its flash, and nothing more.

    esptool does more: it starts XMC parts that came up badly, reads the flash's SFDP and ID, and
    resets the flash; 40 questions. For a board whose flash was attached in full before, all of that
    can be left out: a flash that is not as it was gives digests that are not the image's, or none.
    Then what is written is not proven either, and the next try attaches it in full. The size of a
    flash does not change with a MAC; the reset is for ROMs that boot after us, and they boot the
    same way after the button was pressed.
    """
    if esp.IS_STUB:
        return
    pads = esp.get_chip_spi_pads() if esp.CHIP_NAME == "ESP32" else (0, 0, 0, 0, 0)
    clk, q, d, hd, cs = pads  # ESP32 alone does not attach the flash in its own package by itself
    esp.flash_spi_attach(hd << 24 | cs << 18 | d << 12 | q << 6 | clk)


def attach_full(esp: Any) -> int | None:
    """As esptool does it; returns the size of the flash in bytes, None if it is not known."""
    from esptool.cmds import attach_flash, detect_flash_size
    from esptool.util import flash_size_bytes

    attach_flash(esp)
    size = detect_flash_size(esp)
    return flash_size_bytes(size) if size else None
