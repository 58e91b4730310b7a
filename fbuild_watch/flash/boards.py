"""What is remembered of boards between two flashes: how to reach one, and what it may hold.

One small file for each board, by MAC, in the project's own folder; and the same in memory. What is
read here is a hint or a guess: a damaged file is none, and a wrong one costs time only.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec

from fbuild_watch.flash.guess import NOTHING, Guess
from fbuild_watch.model import Md5
from fbuild_watch.system.files import write_atomically

_VERSION = 1
_DIGEST = 16


@dataclass(frozen=True, slots=True)
class Known:
    """How a board was reached the last time, and who it was."""

    port: str
    mac: str
    chip: str
    """esptool's name of it: "ESP32-C3"."""
    flash_size: int | None
    sync_baud: int
    """The rate at which it answered a SYNC."""
    reset: int
    """Which of the methods tried brought it into its bootloader."""
    ram_block: int
    """Bytes of a RAM upload in one packet: less on USB-OTG."""
    unanswered: int = 0
    """Visits, the last ones in a row, in which it left questions unanswered that waited in the chip."""


class _Stored(msgspec.Struct, frozen=True):
    """The file."""

    version: int
    known: Known
    sectors: dict[int, bytes]
    """The digests of a region's sectors, one after the other, by its offset."""


class BoardMemory:
    """Boards by port and by MAC. For one thread at a time for each board."""

    def __init__(self, folder: Path | None = None) -> None:
        """`folder` None: nothing is kept beyond this object. It is read when it is first needed."""
        self._folder = folder
        self._is_read = False
        self._known: dict[str, Known] = {}
        self._guesses: dict[str, Guess] = {}

    def on_port(self, port: str) -> Known | None:
        """The board that was last reached through this port."""
        self._read_once()
        return self._known.get(port)

    def guess(self, mac: str) -> Guess:
        """What the board with this MAC may hold."""
        self._read_once()
        return self._guesses.get(mac, NOTHING)

    def remember(self, known: Known, guess: Guess) -> None:
        """Keep it. That it cannot be saved costs the next process some questions, no more."""
        self._read_once()
        self._known[known.port] = known
        self._guesses[known.mac] = guess
        if self._folder is not None:
            stored = _Stored(_VERSION, known, _packed(guess.sectors))
            with suppress(OSError):
                self._folder.mkdir(parents=True, exist_ok=True)
                path = self._folder / f"{known.mac.replace(':', '')}.board"
                write_atomically(path, msgspec.msgpack.encode(stored))

    def _read_once(self) -> None:
        if self._is_read:
            return
        self._is_read = True
        for stored in self._load():
            self._known[stored.known.port] = stored.known
            self._guesses[stored.known.mac] = Guess(_unpacked(stored.sectors))

    def _load(self) -> list[_Stored]:
        """What the folder has, the newest last."""
        if self._folder is None:
            return []
        with suppress(OSError):
            paths = sorted(self._folder.glob("*.board"), key=lambda path: path.stat().st_mtime)
            return [stored for path in paths if (stored := _read(path)) is not None]
        return []


def _read(path: Path) -> _Stored | None:
    try:
        stored = msgspec.msgpack.decode(path.read_bytes(), type=_Stored)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return None
    return stored if stored.version == _VERSION else None


def _packed(sectors: Mapping[int, tuple[Md5, ...]]) -> dict[int, bytes]:
    return {offset: b"".join(digests) for offset, digests in sectors.items()}


def _unpacked(sectors: Mapping[int, bytes]) -> dict[int, tuple[Md5, ...]]:
    return {
        offset: tuple(Md5(joined[at : at + _DIGEST]) for at in range(0, len(joined), _DIGEST))
        for offset, joined in sectors.items()
    }
