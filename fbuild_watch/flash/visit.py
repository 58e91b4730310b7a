"""One visit to a board: from its firmware into its bootloader, through what is asked, and back.

Blocking; the base of the session and of the single operations. It owns the rules of all of them:

- The port is given open and stays open: its `close` does nothing (esptool calls it when a board
  does not answer), because opening and closing it would pulse DTR/RTS.
- The board is left running its firmware: after success, after a refusal, after a cancelled check and
  after an error alike.
- What the libraries raise leaves a visit as a FlashError or PortError that says what the board's
  flash is like now.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from fbuild_watch import esptool_quiet
from fbuild_watch.errors import (
    ConnectionLost,
    FlashError,
    NoAnswer,
    PortLost,
    WrongBoard,
    WrongChip,
)
from fbuild_watch.flash import connect, resets
from fbuild_watch.flash.boards import BoardMemory, Known
from fbuild_watch.flash.connect import ROM_BAUD, Line, Reached, plain
from fbuild_watch.flash.cost import CostModel
from fbuild_watch.flash.dialogue import LinkBroke
from fbuild_watch.flash.link import Link, Patience
from fbuild_watch.flash.listener import Listener, Progress
from fbuild_watch.flash.translate import PortGone, translated
from fbuild_watch.model import Device

NO_LINES = (
    "this port has no DTR/RTS lines, so the board cannot be reset from here: put it into download "
    "mode by hand (hold BOOT, press RESET), or use rfc2217:// in place of socket://"
)

TRUST_AHEAD = 2
"""Visits in a row in which questions that went ahead were lost, until none does any more: one may
have been noise."""

MAC_READS = 2
"""Register reads that a MAC takes on most chips: the measure of a round trip."""


def prepare() -> None:
    """Import esptool and load what it loads late, so that the first flash does not pay for it."""
    esptool_quiet.silence()
    import esptool.cmds  # noqa: F401


class Visit:
    """A connection to a board, made again as often as it takes. Made for one `connected`."""

    def __init__(
        self,
        line: Line,
        *,
        listener: Listener | None = None,
        chip: str | None = None,
        patience: Patience | None = None,
    ) -> None:
        """`chip` ("esp32c3"): what it has to be; None: any."""
        self.line = line
        self.listener = listener or Listener()
        self.memory = line.memory or BoardMemory()
        self.patience = patience or Patience()
        self.step = "connecting"
        self.erasing = False
        self.phases: dict[str, float] = {}
        self._chip = chip
        self._mac = line.mac.lower().replace("-", ":") if line.mac else None
        self._since = time.monotonic()
        self._link: Link | None = None
        self._reached: Reached | None = None
        self._unanswered = 0

    @property
    def link(self) -> Link:
        """The connection as it is now."""
        assert self._link is not None
        return self._link

    @property
    def device(self) -> Device:
        """Who answered."""
        return self.link.device

    def end_phase(self, phase: str) -> None:
        """The time since the last phase ended was this one's."""
        now = time.monotonic()
        self.phases[phase] = self.phases.get(phase, 0.0) + now - self._since
        self._since = now

    # -- from firmware to firmware ------------------------------------------------------

    @contextmanager
    def connected(self, *, leave: bool = True) -> Iterator[Link]:
        """Connect; at the end, or after an error, let the firmware run.

        `leave` False: a board with which all went well stays in its bootloader, at 115200.
        Raises FlashError, PortLost, and what the body raises.
        """
        prepare()
        left = True
        try:
            with self._reported():
                self._connect(self.line.write_baud if leave else ROM_BAUD)
                self.end_phase("connected")
                yield self.link
                left = leave
        finally:
            if left:
                self._release()

    def reconnect(self, attempt: int) -> None:
        """Make a new connection after one that broke: later, slower and with every step taken.

        Raises LinkBroke when nothing answers any more.
        """
        if self.link.answers_ahead is False:
            self._unanswered += 1
        time.sleep(self.patience.back_off * 2 ** (attempt - 1))
        baud = max(ROM_BAUD, self.line.write_baud >> attempt) if attempt < 3 else ROM_BAUD
        self._connect(baud, careful=True)

    # -- connecting ---------------------------------------------------------------------

    def _connect(self, baud: int, *, careful: bool = False) -> None:
        self.listener.progress(Progress("connecting"))
        known = None if careful else self.memory.on_port(self.line.name)
        with translated():
            reached = connect.reach(
                self.line, known, baud=baud, check_cancelled=self._check_cancelled
            )
            self._reached = reached
            esp = connect.identified(reached, known)
        connect.refuse_locked(esp, self.line.name)
        self._refuse_other_chip(esp)
        with translated():
            self._link = self._attached(esp, reached, known, baud, careful=careful)
        self.listener.device(self.device)

    def _attached(
        self, esp: Any, reached: Reached, known: Known | None, baud: int, *, careful: bool
    ) -> Link:
        if not esp.IS_STUB and esp.CHIP_NAME == "ESP8266":
            esp = esp.run_stub()  # its ROM has neither digests nor another rate
        started = time.monotonic()
        mac = ":".join(f"{byte:02x}" for byte in esp.read_mac("BASE_MAC"))
        round_trip = round((time.monotonic() - started) / MAC_READS, 4)
        self._refuse_other_board(mac)
        if known is not None and known.mac == mac:
            connect.attach_lean(esp)
            size, self._unanswered = known.flash_size, known.unanswered
        else:
            size = connect.attach_full(esp)
        device = Device(esp.CHIP_NAME, mac, size)
        costs = CostModel(baud=reached.baud, round_trip=round_trip)
        top = baud if self.line.modem_lines else reached.baud
        ahead = self._unanswered < TRUST_AHEAD and not careful
        link = Link(esp, device, costs, top, self.patience, careful=careful, ahead=ahead)
        link.set_flash_size()
        return link

    def _refuse_other_chip(self, esp: Any) -> None:
        found = plain(esp.CHIP_NAME)
        if self._chip is not None and self._chip != found:
            raise WrongChip(self.line.name, self._chip, found)

    def _refuse_other_board(self, mac: str) -> None:
        if self._mac is not None and self._mac != mac:
            raise WrongBoard(self.line.name, self._mac, mac)

    def _check_cancelled(self) -> None:
        if not self.erasing:
            self.listener.check_cancelled()

    def known(self) -> Known:
        """How this board was reached, to be remembered."""
        assert self._reached is not None
        device = self.device
        return Known(
            self.line.name,
            device.mac,
            device.chip,
            device.flash_size,
            self._reached.baud,
            self._reached.method,
            self.link.esp.ESP_RAM_BLOCK,
            0 if self.link.answers_ahead else self._unanswered,
        )

    # -- the end ------------------------------------------------------------------------

    def _release(self) -> None:
        """Let the firmware run. A port that is gone by now was reported where it was lost."""
        with suppress(PortGone, LinkBroke), translated():
            if self._leaves_by_watchdog:
                self.link.esp.watchdog_reset()
            elif isinstance(self._method, resets.NoReset):
                pass  # nothing else can restart it
            elif isinstance(self._method, resets.UsbJtag) and self._link is not None:
                self.link.esp.hard_reset()  # knows each chip's USB; the rate means nothing there
            else:
                self._set_run_baud()  # before EN is let go, so that the first boot byte is heard
                resets.carry_out(self._way_out(), self.line.port)
        with suppress(PortGone, LinkBroke), translated():
            if self.line.port.baudrate != self.line.run_baud:
                self._set_run_baud()

    @property
    def _method(self) -> resets.Reset:
        return self.line.resets[self._reached.method if self._reached else 0]

    def _way_out(self) -> resets.Steps:
        """As it came in, where the ROM's banner proved that to be a reset; else the long way."""
        sure = self._reached is not None and self._reached.seen
        return self._method.leave if sure else resets.Tight().leave

    @property
    def _leaves_by_watchdog(self) -> bool:
        """The chip's own watchdog restarts it, on chips where that is known to work."""
        wanted = isinstance(self._method, resets.NoReset | resets.Watchdog)
        return wanted and self._link is not None and self.link.esp.WATCHDOG_RESET_SUPPORTED

    def _set_run_baud(self) -> None:
        self.line.port.baudrate = self.line.run_baud
        self.line.port.reset_input_buffer()

    # -- errors -------------------------------------------------------------------------

    @contextmanager
    def _reported(self) -> Iterator[None]:
        try:
            with translated():
                yield
        except LinkBroke as error:
            raise self._flash_error(str(error), gone=False) from error
        except PortGone as error:
            if self._link is None:
                raise PortLost(self.line.name, str(error)) from error
            raise self._flash_error(str(error), gone=True) from error

    def _flash_error(self, reason: str, *, gone: bool) -> FlashError:
        name = self.line.name
        if self._link is None:
            return NoAnswer(name, reason, hint="" if self.line.modem_lines else NO_LINES)
        return ConnectionLost(name, self.step, reason, written=self.erasing, gone=gone)
