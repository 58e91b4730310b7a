"""The devkit: reset circuit, serial lines, loaders and CPU, as one pure machine.

Bytes, line settings and time in; bytes out. Not a server and not a clock: `server` sleeps until
`deadline` and calls `poll`.

    HELD  -- EN rises, IO9 low --> ROM -- stub uploaded --> STUB
      |                             |
      +---- EN rises, IO9 high -----+-- RAM program, run from flash --> RUNNING

Rules
- While EN is low nothing is heard and nothing is said; what was on the lines is lost.
- The strap (IO9) is sampled when EN rises, and by the resets that sample it again. A software
  reset keeps it: after one, a chip that came up in download mode is there again.
- In download mode the ROM finds the host's baud rate from the first SYNC (reliable up to
  `AUTOBAUD_LIMIT`) and keeps it until CHANGE_BAUDRATE. A loader hears nothing at another rate;
  firmware, whose rate is what it sets its UART to, and the host hear garbage.
- Things happen in the order of their times, however late `poll` is called: a slow server
  delays what the host sees, never what the board does.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from enum import Enum

from .circuit import ResetCircuit
from .cpu import Cpu, ResetCause
from .loader import (
    Chip,
    Effect,
    EnterStub,
    Execute,
    Loader,
    Restart,
    RunFlash,
    Send,
    SetBaud,
    Timed,
)
from .nor import Nor
from .protocol import SYNC_DATA, parse_request
from .registers import UART_CLK_CONF, UART_CLKDIV, Identity, Registers, baud_of, divider_of
from .rom import RomLoader
from .slip import Decoder, encode
from .spi_flash import SpiFlash
from .stub import StubLoader
from .stubs import StubImage
from .timing import Timing
from .wire import Piece, Wire

BOOT_BAUD = 115200
"""The ROM's rate after a reset."""

AUTOBAUD_LIMIT = 460800
"""esptool#365: above this the ROM does not find the rate reliably."""

BAUD_TOLERANCE = 0.03
"""A UART samples in the middle of a bit: some 5 % over 10 bits, shared by both ends."""

STRAPPING_RESETS = frozenset(
    {ResetCause.POWERON, ResetCause.RTCWDT_RTC, ResetCause.RTCWDT_BROWN_OUT, ResetCause.SUPER_WDT}
)
"""Resets of the whole chip: they sample the strap again (reset of the RTC domain)."""

DOWNLOAD_BANNER = (
    "ESP-ROM:esp32c3-api1-20210207\r\n"
    "Build:Feb  7 2021\r\n"
    "rst:{code:#x} ({name}),boot:0x5 (DOWNLOAD(USB/UART0/1))\r\n"
    "waiting for download\r\n"
)
"""As a C3 prints it with IO9 low and IO8 and IO2 high (esp-web-tools#465)."""


class Mode(Enum):
    """What answers on the serial line."""

    HELD = "held in reset"
    ROM = "download mode"
    STUB = "stub loader"
    RUNNING = "running"


class Board:
    """An ESP32-C3 devkit. Times are seconds of one clock that never runs backwards."""

    def __init__(
        self,
        cpu: Cpu,
        nor: Nor,
        *,
        timing: Timing,
        identity: Identity,
        stubs: tuple[StubImage, ...] = (),
        log: Callable[[str], None] = lambda line: None,
    ) -> None:
        registers = Registers(identity, nor.size)
        self._chip = Chip(cpu, SpiFlash(nor, timing), registers, timing, stubs)
        self._log = log
        self._circuit = ResetCircuit()
        self._to_chip = Wire(timing)
        self._to_host = Wire(timing)
        self._effects: deque[Timed] = deque()
        self._slip = Decoder()
        self._loader: Loader | None = None
        self._download = False
        self._host_baud = BOOT_BAUD
        self._chip_baud: int | None = BOOT_BAUD
        """None: the ROM waits for a SYNC to find the rate."""
        self._cpu_due: float | None = None
        self.mode = Mode.HELD

    # --- the host's side ---

    def set_lines(self, dtr: bool, rts: bool, now: float) -> None:
        """The host has set DTR and RTS (True: asserted)."""
        self._happen_until(now)
        self._circuit.set_lines(dtr, rts, now)
        self._follow_en(now)

    def set_baud(self, baud: int, now: float) -> None:
        """The host's side of the line runs at another rate from now on."""
        self._happen_until(now)
        self._host_baud = baud

    def receive(self, data: bytes, now: float) -> None:
        """The host has sent bytes."""
        self._to_chip.send(data, now, self._host_baud)

    def drop_unsent(self) -> None:
        """The host has purged what it sent and what is not at the chip yet."""
        self._to_chip.clear()

    @property
    def deadline(self) -> float | None:
        """When `poll` is to be called next; None: only the host can make something happen."""
        times = (self._next_event(), self._to_host.due, self._cpu_due)
        return min((time for time in times if time is not None), default=None)

    def power_on(self, now: float) -> None:
        """The board is plugged in."""
        self._start(ResetCause.POWERON, now)

    def poll(self, now: float) -> bytes:
        """Let everything happen that is due, and return what has reached the host."""
        self._happen_until(now)
        if self._cpu_due is not None and self._cpu_due <= now:
            self._run_cpu(now)
        return self._heard_by_host(now)

    # --- time ---

    def _next_event(self) -> float | None:
        times = (
            self._circuit.deadline,
            self._chip.registers.watchdog.deadline,
            self._effects[0].at if self._effects else None,
            self._to_chip.due,
        )
        return min((time for time in times if time is not None), default=None)

    def _happen_until(self, now: float) -> None:
        while (at := self._next_event()) is not None and at <= now:
            self._happen(at)

    def _happen(self, at: float) -> None:
        """Do the one thing that is due at `at`; effects before what arrives at the same time."""
        watchdog = self._chip.registers.watchdog.deadline
        if self._effects and self._effects[0].at <= at:
            self._apply(self._effects.popleft().effect, at)
        elif watchdog is not None and watchdog <= at:
            self._restart(ResetCause.RTCWDT_RTC, at)
        elif piece := self._to_chip.take(at):
            self._hear(piece)
        else:
            self._circuit.poll(at)
            self._follow_en(at)

    # --- reset ---

    def _follow_en(self, now: float) -> None:
        if not self._circuit.en and self.mode is not Mode.HELD:
            self._hold()
            self._log("EN low: held in reset")
        elif self._circuit.en and self.mode is Mode.HELD:
            self._start(ResetCause.POWERON, now)

    def _hold(self) -> None:
        """EN is low: nothing more is said either."""
        self._stop()
        self._to_host.clear()
        self.mode = Mode.HELD

    def _stop(self) -> None:
        """Stop everything; RAM, registers and what is on the way to the chip are lost."""
        chip = self._chip
        chip.cpu.halt()
        chip.flash.power_off()
        chip.registers = Registers(chip.registers.identity, chip.flash.nor.size)
        self._to_chip.clear()
        self._effects.clear()
        self._loader = None
        self._cpu_due = None

    def _restart(self, cause: ResetCause, now: float) -> None:
        """The chip resets itself; what it has said is still heard."""
        self._stop()
        self._start(cause, now)

    def _start(self, cause: ResetCause, now: float) -> None:
        if cause in STRAPPING_RESETS:
            self._download = not self._circuit.io9
        self._log(f"reset: {cause.label}, {'download mode' if self._download else 'flash boot'}")
        self._chip_baud = BOOT_BAUD
        if self._download:
            self._enter_download_mode(cause, now)
        else:
            self._run_flash(cause, now)

    def _enter_download_mode(self, cause: ResetCause, now: float) -> None:
        banner = DOWNLOAD_BANNER.format(code=cause.code, name=cause.label)
        self._to_host.send(banner.encode(), now, BOOT_BAUD)
        self._chip_baud = None
        self._slip = Decoder()
        self._loader = RomLoader(self._chip)
        self.mode = Mode.ROM

    def _run_flash(self, cause: ResetCause, now: float) -> None:
        self._loader = None
        self._chip.cpu.power_on(now, cause)
        self._cpu_due = now
        self.mode = Mode.RUNNING

    # --- loaders ---

    def _hear(self, piece: Piece) -> None:
        """A piece has reached the UART."""
        if self.mode is Mode.RUNNING:
            self._hear_as_firmware(piece)
        elif self.mode is not Mode.HELD:
            for frame in self._slip.feed(piece.data):
                self._hear_frame(frame, piece)

    def _hear_frame(self, frame: bytes, piece: Piece) -> None:
        if self._chip_baud is None and _is_sync(frame) and piece.baud <= AUTOBAUD_LIMIT:
            self._chip_baud = piece.baud
        loader = self._loader
        if loader is None or not _same_baud(piece.baud, self._chip_baud):
            return
        request = parse_request(frame)
        if request is not None:
            self._log(f"{self.mode.value}: {request.name}")
        self._effects.extend(loader.receive(frame, piece.due))
        while self._effects and self._effects[0].at <= piece.due:
            self._apply(self._effects.popleft().effect, piece.due)

    def _apply(self, effect: Effect, at: float) -> None:
        match effect:
            case Send(payload):
                self._to_host.send(encode(payload), at, self._chip_baud or BOOT_BAUD)
            case SetBaud(baud):
                self._log(f"baud rate {baud}")
                self._chip_baud = self._chip.registers.baud = baud
            case EnterStub():
                self._log("the stub loader runs")
                stub = StubLoader(self._chip)
                self._loader, self.mode = stub, Mode.STUB
                self._effects.extend(stub.greet(at))
            case Execute(entry):
                self._log(f"a RAM program runs at {entry:#010x}")
                self._loader, self.mode = None, Mode.RUNNING
                self._chip.cpu.start(entry, at)
                self._chip.cpu.write_word(UART_CLKDIV, divider_of(self._chip_baud or BOOT_BAUD))
                self._cpu_due = at
            case Restart(cause):
                self._restart(cause, at)
            case RunFlash():
                self._log("the loader runs what is in flash")
                self._run_flash(ResetCause.RTC_SW_CPU, at)

    # --- firmware ---

    def _hear_as_firmware(self, piece: Piece) -> None:
        same = _same_baud(piece.baud, self._chip_baud)
        self._chip.cpu.receive(piece.data if same else _garbage(piece.data))
        if self._cpu_due is None or self._cpu_due > piece.due:
            self._cpu_due = piece.due

    def _run_cpu(self, now: float) -> None:
        cpu = self._chip.cpu
        self._cpu_due = cpu.run(now)
        divider = cpu.read_word(UART_CLKDIV)
        clock = cpu.read_word(UART_CLK_CONF) or 0
        self._chip_baud = baud_of(divider, clock) if divider else BOOT_BAUD
        self._to_host.send(cpu.take_output(), now, self._chip_baud)
        cause = cpu.reset_requested
        if cause is not None:
            self._restart(cause, now)

    def _heard_by_host(self, now: float) -> bytes:
        heard = bytearray()
        while piece := self._to_host.take(now):
            same = _same_baud(piece.baud, self._host_baud)
            heard += piece.data if same else _garbage(piece.data)
        return bytes(heard)


def _is_sync(frame: bytes) -> bool:
    return frame.endswith(SYNC_DATA)


def _same_baud(baud: int, other: int | None) -> bool:
    return other is not None and abs(baud - other) <= BAUD_TOLERANCE * other


def _garbage(data: bytes) -> bytes:
    """What a UART at another rate makes of bytes: as many, none of them right."""
    return bytes((byte ^ 0x95) | 0x80 if byte < 0x80 else byte ^ 0xEA for byte in data)
