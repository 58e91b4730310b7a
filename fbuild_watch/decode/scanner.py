"""Everything that is recognised in the text of a board, in one place. Pure: text and times in.

Rules
- Whole lines count, without colours. A line that comes in pieces is put together again, up to
  LONGEST characters: how the text was cut changes nothing.
- What runs on the board is forgotten at its next reset: it may have been flashed meanwhile.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from fbuild_watch.decode.block import Reports
from fbuild_watch.decode.boots import Boots
from fbuild_watch.decode.coredump import CoreDumps
from fbuild_watch.decode.crash import CoreDump, Crash
from fbuild_watch.decode.resets import reset_in
from fbuild_watch.model import DeviceText, Notice
from fbuild_watch.text.ansi import plain

LONGEST = 8192
"""Characters of a line that are looked at: a backtrace of 128 frames is 2,800."""

Finding = Notice | Crash | CoreDump

_SHA = re.compile(r"ELF file SHA256:\s*([0-9a-fA-F]{8,64})")
_CHIP = re.compile(r"ESP-ROM:(esp32[a-z0-9]*?)-")
"""Where the firmware was at a prompt, the banner goes on with its line."""
_ROM_DATE = re.compile(r"^(?:Build: ?| ?ets )([A-Z][a-z]{2} [ \d]\d \d{4})\b")


@dataclass(frozen=True, slots=True)
class Board:
    """What a board has told of itself since it was reset; empty: nothing."""

    elf_sha256: str = ""
    """The first hex digits."""
    chip: str = ""
    rom_date: str = ""
    """ "Feb  7 2021"."""


class Scanner:
    """The recognisers of one board."""

    def __init__(self) -> None:
        """Nothing was read yet."""
        self._line = ""
        self._reports = Reports()
        self._boots = Boots()
        self._dumps = CoreDumps()
        self.board = Board()
        self._ended = ""

    @property
    def is_in_report(self) -> bool:
        """Whether a panic is being printed."""
        return self._reports.is_open

    def feed(self, text: DeviceText) -> list[Finding]:
        """Take a piece of what the board says; give what it ends."""
        if len(self._line) < LONGEST:
            self._line += text.text[:LONGEST]
        if not text.complete:
            return []
        line, self._line = self._line[:LONGEST], ""
        return self._read(plain(line), text.at)

    def silence(self) -> list[Finding]:
        """The board has been silent for a while: what was being received is whole."""
        return [self.of_build(crash) for crash in self._reports.finish()]

    def left(self) -> list[Finding]:
        """What the firmware has left that runs no more; another's start need not be seen."""
        left = self.silence()
        self._line, self._ended = "", ""
        self._boots.forget()
        self.board = replace(self.board, elf_sha256="")
        return left

    def of_build(self, crash: Crash) -> Crash:
        """With what the firmware said when it started, where the panic itself does not say it."""
        return replace(crash, elf_sha256=crash.elf_sha256 or self.board.elf_sha256)

    def _read(self, line: str, at: float) -> list[Finding]:
        crashes = [self.of_build(crash) for crash in self._reports.feed(line)]
        if "rst" in line and reset_in(line):
            self._ended = self.board.elf_sha256
        if line[:4] in _BANNERS or "ESP-ROM:" in line or "rst" in line or "SHA256" in line:
            self._learn(line)
        about_start = [self._of_ended(found) for found in self._boots.feed(line, at)]
        return [*crashes, *about_start, *self._dumps.feed(line)]

    def _of_ended(self, found: Notice | Crash) -> Notice | Crash:
        """What a boot tells of the end before it is about the firmware that ran then."""
        return replace(found, elf_sha256=self._ended) if isinstance(found, Crash) else found

    def _learn(self, line: str) -> None:
        board = self.board
        if reset_in(line) or "ESP-ROM:" in line:
            board = Board("", board.chip, board.rom_date)
        if match := _CHIP.search(line):
            board = Board("", match[1], "")
        if match := _ROM_DATE.match(line):
            chip = board.chip if line.startswith("Build") else _OLD_ROMS.get(match[1][-4:], "")
            board = Board(board.elf_sha256, chip, match[1])
        if (match := _SHA.search(line)) and set(match[1]) != {"0"}:
            board = Board(match[1].lower(), board.chip, board.rom_date)
        self.board = board


_BANNERS = ("Buil", "ets ", " ets")
_OLD_ROMS = {"2016": "esp32", "2013": "esp8266"}
"""ROMs whose banner has a date and no name: by its year."""
