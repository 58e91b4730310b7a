"""Flashing a megabyte: what the board's physics allows, what fbuild takes, what esptool takes.

Cases: (a) nothing changed, (b) one sector in the middle, (c) ten scattered sectors, (d) the code
shifted by four bytes from the middle on, (e) an erased board. Ours runs in a warm process, on a board
that was reached before, with a guess (sector digests of what it holds) and without one. esptool is its own
command line on an equal port; what its process takes to start is measured and shown apart.

The limit is computed from the table that the virtual board charges by: two resets of 5 ms, the ROM's
banner, one SYNC, every byte that has to be digested at the device's rate with one question each for what
has to be asked, and for what has to be written the slower of the chip and the line. Loaders cost
nothing in it, and finding out where the changes are needs no question beyond one reading of everything.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import trio

from fbuild_watch import flash
from fbuild_watch.flash.guess import NOTHING, of_image
from fbuild_watch.flash.planner import Dirty, differing, sector_digests
from fbuild_watch.model import SECTOR, FlashReport, Image, Region
from fbuild_watch.serial import open_port
from fbuild_watch.virtual.cpu import ResetCause
from fbuild_watch.virtual.esp32c3 import download_banner
from fbuild_watch.virtual.nor import BLOCK, PAGE
from fbuild_watch.virtual.timing import REAL
from tests.real.conftest import ServedBoard

FLASH_SIZE = 4 << 20
MEGABYTE = 1 << 20
EN_LOW_S = 0.005
QUESTION, ANSWER = 26, 46
"""Bytes of a digest's question and of the ROM's answer, with their framing."""
SYNC_BAUD = 460800


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--baud", type=int, default=921600)
    parser.add_argument("--cases", default="abcde")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="fbuild-bench-") as scratch:
        bench = Bench(Path(scratch), options.baud, options.rounds)
        try:
            bench.run([case for case in cases() if case.letter in options.cases])
        finally:
            bench.board.close()


# --- the cases -----------------------------------------------------------------------------


def like_code(size: int, seed: int) -> bytes:
    """Bytes that deflate to about 0.6 of their size, as firmware does."""
    rng = random.Random(seed)
    return b"".join(rng.randbytes(9) + b"\x13\x05\x00\x00\x23\x20\x41" for _ in range(size // 16))


APP = like_code(MEGABYTE, 3)
IMAGE = Image(
    (
        Region("bootloader", 0x0, like_code(20 * 1024, 1)),
        Region("partitions", 0x8000, like_code(3072, 2)),
        Region("app", 0x10000, APP),
    ),
    chip="esp32c3",
)


@dataclass(frozen=True)
class Case:
    """What the app's place holds before, and what esptool is asked to do about it."""

    letter: str
    name: str
    held: bytes
    esptool: tuple[str, ...]

    @property
    def image_held(self) -> Image:
        """The image that the board holds."""
        if self.letter == "e":
            return Image(tuple(replace(r, data=b"\xff" * r.size) for r in IMAGE.regions))
        return Image((*IMAGE.regions[:2], replace(IMAGE.regions[2], data=self.held)))


def cases() -> list[Case]:
    """All five."""
    scattered = random.Random(7).sample(range(MEGABYTE // SECTOR), 10)
    middle = MEGABYTE // 2
    both = ("write-flash", "write-flash --diff-with")
    return [
        Case("a", "unchanged", APP, ("verify-flash", "write-flash --skip-flashed")),
        Case("b", "one sector", _changed([128]), both),
        Case("c", "ten sectors", _changed(scattered), both),
        Case("d", "shifted", APP[:middle] + APP[middle + 4 :] + b"end!", both),
        Case("e", "erased", b"\xff" * MEGABYTE, ("write-flash",)),
    ]


def _changed(sectors: Sequence[int]) -> bytes:
    data = bytearray(APP)
    for sector in sectors:
        data[sector * SECTOR + 99] ^= 1
    return bytes(data)


# --- the limit -----------------------------------------------------------------------------


def limit(case: Case, baud: int, *, guess: bool) -> float:
    """Seconds below which the table of the virtual board lets nobody go."""
    fixed = (
        2 * EN_LOW_S
        + REAL.wire(len(download_banner(ResetCause.POWERON)), 115200)
        + 2 * _round_trip(46, 14)
    )
    pairs = list(zip(IMAGE.regions, case.image_held.regions, strict=True))
    total = fixed
    for wanted, held in pairs:
        dirty = differing(wanted.data, sector_digests(held.data))
        digests = (0 if guess and dirty else 1) + (1 if dirty else 0)
        question = _round_trip(QUESTION, ANSWER) + REAL.digest(wanted.size)
        total += digests * question + _writing(wanted, dirty, baud)
    return total


def _round_trip(out: int, back: int) -> float:
    return REAL.wire(out + back, SYNC_BAUD) + 2 * REAL.usb_latency


def _writing(region: Region, dirty: Dirty, baud: int) -> float:
    data = b"".join(region.data[s * SECTOR : (s + 1) * SECTOR] for s in sorted(dirty))
    blocks = [
        sum(1 for s in dirty if (region.offset + s * SECTOR) // BLOCK == block)
        for block in range(FLASH_SIZE // BLOCK)
    ]
    chip = sum(min(n * REAL.sector_erase, REAL.block_erase) for n in blocks)
    chip += -(-len(data) // PAGE) * REAL.page_program
    return max(chip, REAL.wire(len(zlib.compress(data, 9)), baud)) if data else 0.0


# --- measuring -----------------------------------------------------------------------------


class Bench:
    """One virtual board, flashed again and again."""

    def __init__(self, scratch: Path, baud: int, rounds: int) -> None:
        self._baud, self._rounds = baud, rounds
        self._path = scratch / "flash.bin"
        self._path.write_bytes(b"\xff" * FLASH_SIZE)
        self._files = {region.name: scratch / f"{region.name}.bin" for region in IMAGE.regions}
        for region in IMAGE.regions:
            self._files[region.name].write_bytes(region.data)
        self._old = scratch / "old.bin"
        self._reached = flash.BoardMemory()
        self.board = ServedBoard(self._path, "real")

    def run(self, cases: Sequence[Case]) -> None:
        """Print one row for each way of doing each case."""
        start = self._median(lambda: self._esptool(["version"]))
        print(f"medians of {self._rounds}, {self._baud} baud, seconds; share: limit / taken")
        print(f"esptool's process alone takes {start:.2f}\n")
        trio.run(self._flash, False, cases[0])  # a first contact: not counted
        for case in cases:
            print(f"({case.letter}) {case.name}")
            ours = self._ours(case)
            for command in case.esptool:
                took = self._median(
                    lambda case=case, command=command: self._by_esptool(case, command)
                )
                ratios = " ".join(f"{took / mine:6.1f}x" for mine in ours)
                print(f"    esptool {command:26} {took:7.2f} {'':23} ours is faster by {ratios}")

    def _ours(self, case: Case) -> list[float]:
        took = []
        for guess in (False, True):
            self._put(case)
            reached: Callable[[], float] = lambda guess=guess: self._timed(case, guess)  # noqa: E731
            seconds = self._median(reached)
            bound = limit(case, self._baud, guess=guess)
            name = "with a guess" if guess else "without a guess"
            print(
                f"    fbuild {name:27} {seconds:7.2f}  limit {bound:6.2f}  share {bound / seconds:4.0%}"
            )
            took.append(seconds)
        return took

    def _median(self, measure: Callable[[], float]) -> float:
        return statistics.median(measure() for _ in range(self._rounds))

    def _put(self, case: Case) -> None:
        """Let the flash hold what the case begins with (the board maps this very file)."""
        with self._path.open("r+b") as file:
            for region in case.image_held.regions:
                file.seek(region.offset)
                file.write(region.data)

    def _check(self) -> None:
        for region in IMAGE.regions:
            assert self.board.flash(region.offset, region.size) == region.data, region.name

    def _timed(self, case: Case, guess: bool) -> float:
        self._put(case)
        seconds, _ = trio.run(self._flash, guess, case)
        self._check()
        return seconds

    async def _flash(self, guess: bool, case: Case) -> tuple[float, FlashReport]:
        port = await open_port(self.board.url, 115200)
        known = self._reached.on_port(self.board.url)
        if known is not None:
            self._reached.remember(known, of_image(case.image_held, {}) if guess else NOTHING)
        try:
            started = time.perf_counter()
            report = await flash.flash(
                port.blocking(),
                IMAGE,
                name=self.board.url,
                write_baud=self._baud,
                run_baud=115200,
                memory=self._reached,
            )
            return time.perf_counter() - started, report
        finally:
            await port.aclose()

    def _by_esptool(self, case: Case, command: str) -> float:
        self._put(case)
        self._old.write_bytes(case.held)
        name, *options = command.split()
        arguments = ["--port", self.board.url, "--baud", str(self._baud), name]
        for region in IMAGE.regions:
            arguments += [hex(region.offset), str(self._files[region.name])]
        if "--diff-with" in options:
            boot, partitions = self._files["bootloader"], self._files["partitions"]
            options += [str(boot), str(partitions), str(self._old)]
        seconds = self._esptool(arguments + options)
        self._check()
        return seconds

    def _esptool(self, arguments: Sequence[str]) -> float:
        started = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "benchmarks.esptool_equal", *arguments],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd=Path(__file__).parent.parent,
            env={**os.environ, "NO_COLOR": "1"},
        )
        return time.perf_counter() - started


if __name__ == "__main__":
    main()
