"""The `Cpu` of a board whose processor is not emulated: its ROM boots up to the jump, no further.

Rules
- It prints what the mask ROM prints, and where the ROM would jump into the firmware, one line of
  its own that says so. It never pretends that firmware runs.
- An image that the ROM refuses is tried again when the watchdog resets the chip, as on the chip.
- Memory keeps what is written to it, until the next reset.
"""

from __future__ import annotations

from collections.abc import Callable

from fbuild_watch.virtual.cpu import ResetCause
from fbuild_watch.virtual.firmware_image import Boot, ReadFlash
from fbuild_watch.virtual.nor import OutOfRange

WATCHDOG = 0.4
"""Seconds from a refused image to the next attempt, as users log it (esp32.com)."""


class BootOnly:
    """A `Cpu`. `boot` is the chip's mask ROM, `core` what it has ("Xtensa LX6")."""

    def __init__(
        self, read_flash: ReadFlash, boot: Callable[[ReadFlash, ResetCause], Boot], core: str
    ) -> None:
        self._read_flash = read_flash
        self._boot = boot
        self._core = core
        self._output = b""
        self._memory: dict[int, int] = {}
        self._reset_at: float | None = None
        self._now = 0.0

    def power_on(self, now: float, cause: ResetCause) -> None:
        """Banner, image check; then it says where the firmware would run."""
        self.halt()
        boot = self._boot(self._read, cause)
        self._output = boot.text
        if boot.entry is None:
            self._reset_at = now + WATCHDOG
        else:
            self._say_jump(boot.entry)

    def start(self, entry: int, now: float) -> None:
        """A RAM program is not run either."""
        self._say_jump(entry)

    def _say_jump(self, entry: int) -> None:
        self._output += (
            f"[virtual board] code at {entry:#010x} would run now; "
            f"no {self._core} is emulated here, so none does\r\n"
        ).encode()

    def _read(self, offset: int, size: int) -> bytes:
        try:
            return self._read_flash(offset, size)
        except OutOfRange:
            return b""

    def load(self, address: int, data: bytes) -> None:
        """Keep bytes."""
        self._memory.update({address + i: byte for i, byte in enumerate(data)})

    def read_word(self, address: int) -> int | None:
        """Return what was written to an address; None: nothing was."""
        if address not in self._memory:
            return None
        return int.from_bytes(bytes(self._memory.get(address + i, 0) for i in range(4)), "little")

    def write_word(self, address: int, value: int) -> bool:
        """Keep a word."""
        self.load(address, value.to_bytes(4, "little"))
        return True

    def receive(self, data: bytes) -> None:
        """Nobody listens."""

    def run(self, now: float) -> float | None:
        """Nothing runs; only the watchdog after a refused image is waited for."""
        self._now = now
        return None if self.reset_requested else self._reset_at

    def take_output(self) -> bytes:
        """Return what the ROM printed since the last call."""
        output, self._output = self._output, b""
        return output

    def halt(self) -> None:
        """Memory is lost."""
        self._memory.clear()
        self._output = b""
        self._reset_at = None

    @property
    def reset_requested(self) -> ResetCause | None:
        """The watchdog's reset, when its time has come."""
        bites = self._reset_at is not None and self._reset_at <= self._now
        return ResetCause.RTCWDT_RTC if bites else None
