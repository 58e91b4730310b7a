"""The board: reset circuit, serial lines, loaders and CPU, as one pure machine.

Bytes, line settings and time in; bytes out. Not a server and not a clock: `server` sleeps until
`deadline` and calls `poll`.

    HELD  -- EN rises, IO9 low --> ROM -- stub uploaded --> STUB
      |                             |
      +---- EN rises, IO9 high -----+-- RAM program, run from flash --> RUNNING

Rules
- While EN is low nothing is heard and nothing is said; what was on the lines is lost.
- The strap (IO9) is sampled when EN rises, and by the resets that sample it again. A software
  reset keeps it: after one, a chip that came up in download mode is there again.
- A loader hears nothing at a rate that is not its own; firmware, whose rate is what it sets its
  UART to, and the host hear garbage (`line_rates`).
- Things happen in the order of their times, however late `poll` is called: a slow server
  delays what the host sees, never what the board does.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from enum import Enum

from fbuild_watch.virtual.cpu import Cpu, ResetCause
from fbuild_watch.virtual.loader import (
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
from fbuild_watch.virtual.nor import Nor
from fbuild_watch.virtual.personality import ESP32C3, Personality
from fbuild_watch.virtual.protocol import SYNC_DATA, parse_request
from fbuild_watch.virtual.registers import Registers
from fbuild_watch.virtual.slip import Decoder, encode
from fbuild_watch.virtual.spi_flash import SpiFlash
from fbuild_watch.virtual.stubs import StubImage
from fbuild_watch.virtual.timing import Timing
from fbuild_watch.virtual.wire import Piece, Wire

STRAPPING_RESETS = frozenset(
    {ResetCause.POWERON, ResetCause.RTCWDT_RTC, ResetCause.RTCWDT_BROWN_OUT, ResetCause.SUPER_WDT}
)
"""Resets of the whole chip: they sample the strap again (reset of the RTC domain)."""


class Mode(Enum):
    """What answers on the serial line."""

    HELD = "held in reset"
    ROM = "download mode"
    STUB = "stub loader"
    RUNNING = "running"


class Board:
    """A devkit. Times are seconds of one clock that never runs backwards."""

    def __init__(
        self,
        cpu: Cpu,
        nor: Nor,
        *,
        timing: Timing,
        mac: bytes,
        personality: Personality = ESP32C3,
        stubs: tuple[StubImage, ...] = (),
        log: Callable[[str], None] = lambda line: None,
    ) -> None:
        registers = Registers(personality.layout, mac, nor.size)
        self._chip = Chip(cpu, SpiFlash(nor, timing), registers, timing, stubs)
        self._log = log
        self._kind = personality
        self._circuit = personality.reset()
        self._rates = personality.rates()
        self._to_chip = Wire(timing)
        self._to_host = Wire(timing)
        self._effects: deque[Timed] = deque()
        self._slip = Decoder()
        self._loader: Loader | None = None
        self._strapped = False
        """Whether IO9 was low when it was sampled last."""
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
        self._rates.set_host(baud)

    def receive(self, data: bytes, now: float) -> None:
        """The host has sent bytes."""
        self._to_chip.send(data, now, self._rates.host)

    def drop_unsent(self) -> None:
        """The host has purged what it sent and what is not at the chip yet."""
        self._to_chip.clear()

    @property
    def deadline(self) -> float | None:
        """When `poll` is to be called next; None: only the host can make something happen."""
        times = (self._next_event(), self._to_host.due, self._cpu_due)
        return min((time for time in times if time is not None), default=None)

    def hold_button(self, held: bool, now: float) -> None:
        """Somebody presses the BOOT button, or lets it go."""
        self._happen_until(now)
        self._circuit.button = held

    def power_on(self, now: float) -> None:
        """The board is plugged in."""
        self._start(ResetCause.POWERON, now)

    def power_off(self) -> None:
        """The board is unplugged, whatever it was doing. The flash stays as it is."""
        self._hold()
        self._log("no power")

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
            self._chip.registers.reset_due,
            self._effects[0].at if self._effects else None,
            self._to_chip.due,
        )
        return min((time for time in times if time is not None), default=None)

    def _happen_until(self, now: float) -> None:
        while (at := self._next_event()) is not None and at <= now:
            self._happen(at)

    def _happen(self, at: float) -> None:
        """Do the one thing that is due at `at`; effects before what arrives at the same time."""
        watchdog = self._chip.registers.reset_due
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
            self._start(self._circuit.cause, now)

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
        chip.registers = chip.registers.after_reset()
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
            self._strapped = not self._circuit.io9
        by_lines = cause is self._circuit.cause
        download = self._strapped or (by_lines and self._circuit.download_asked)
        self._log(f"reset: {cause.label}, {'download mode' if download else 'flash boot'}")
        self._rates.reset()
        if download:
            self._enter_download_mode(cause, now)
        else:
            self._run_flash(cause, now)

    def _enter_download_mode(self, cause: ResetCause, now: float) -> None:
        banner = self._kind.download_banner(cause)
        self._to_host.send(banner.encode(), now, self._rates.chip)
        self._rates.await_sync()
        self._slip = Decoder()
        self._loader = self._kind.rom(self._chip)
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
        if _is_sync(frame):
            self._rates.hear_sync(piece.baud)
            self._chip.registers.baud = self._rates.chip
        loader = self._loader
        if loader is None or not self._rates.chip_hears(piece.baud):
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
                self._to_host.send(encode(payload), at, self._rates.chip)
            case SetBaud(baud):
                self._log(f"baud rate {baud}")
                self._rates.set_chip(baud)
                self._chip.registers.baud = baud
            case EnterStub():
                self._log("the stub loader runs")
                stub = self._kind.stub(self._chip)
                self._loader, self.mode = stub, Mode.STUB
                self._effects.extend(stub.greet(at))
            case Execute(entry):
                self._log(f"a RAM program runs at {entry:#010x}")
                self._loader, self.mode = None, Mode.RUNNING
                self._chip.cpu.start(entry, at)
                uart = self._kind.layout.uart
                self._chip.cpu.write_word(uart.clkdiv, uart.divider_of(self._rates.chip))
                self._cpu_due = at
            case Restart(cause):
                self._restart(cause, at)
            case RunFlash():
                self._log("the loader runs what is in flash")
                self._run_flash(ResetCause.RTC_SW_CPU, at)

    # --- firmware ---

    def _hear_as_firmware(self, piece: Piece) -> None:
        same = self._rates.chip_hears(piece.baud)
        self._chip.cpu.receive(piece.data if same else _garbage(piece.data))
        if self._cpu_due is None or self._cpu_due > piece.due:
            self._cpu_due = piece.due

    def _run_cpu(self, now: float) -> None:
        cpu = self._chip.cpu
        self._cpu_due = cpu.run(now)
        self._rates.set_chip(self._firmware_baud())
        self._to_host.send(cpu.take_output(), now, self._rates.chip)
        cause = cpu.reset_requested
        if cause is not None:
            self._restart(cause, now)

    def _firmware_baud(self) -> int:
        """The rate that firmware has set UART0 to; before that the ROM's."""
        uart, cpu = self._kind.layout.uart, self._chip.cpu
        divider = cpu.read_word(uart.clkdiv)
        clock = cpu.read_word(uart.clk_conf) if uart.clk_conf is not None else None
        return uart.baud_of(divider, clock or 0) if divider else self._rates.boot

    def _heard_by_host(self, now: float) -> bytes:
        heard = bytearray()
        while piece := self._to_host.take(now):
            same = self._rates.host_hears(piece.baud)
            heard += piece.data if same else _garbage(piece.data)
        return bytes(heard)


def _is_sync(frame: bytes) -> bool:
    return frame.endswith(SYNC_DATA)


def _garbage(data: bytes) -> bytes:
    """What a UART at another rate makes of bytes: as many, none of them right."""
    return bytes((byte ^ 0x95) | 0x80 if byte < 0x80 else byte ^ 0xEA for byte in data)
