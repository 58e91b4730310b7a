"""Real faults of a real ELF on the virtual C3, decoded: what is shown names the line at fault."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fbuild_watch.decode import Crash, KeptElfs, Scanner, Sources
from fbuild_watch.decode.decoder import Decoder
from fbuild_watch.model import Image, Notice
from fbuild_watch.serial import LineAssembler
from tests.real.c3_kit import TOOLCHAINS, Powered, built, copied

FAULTS = Path(__file__).parent / "faults_c3"
SECONDS = 5.0


class Bench:
    """A built project, its ELF kept as a flash would keep it, and what its board has printed."""

    def __init__(self, folder: Path, toolchain: str) -> None:
        self.project = copied(folder / "p", toolchain, FAULTS)
        ini = self.project / "platformio.ini"
        ini.write_text(ini.read_text() + "build_flags = -fstack-protector-all\n")
        self.image = built(self.project)
        kept = KeptElfs(folder / "elfs")
        keep(kept, self.image)
        self.sources = Sources(kept, project_dir=self.project, src_dir=self.project / "src")

    def crash(self, letter: str) -> list[Crash | Notice]:
        """Type a letter; everything that is recognised until the board has started again."""
        board = Powered(self.image)
        board.until("ready")
        board.send(letter)
        while "entry " not in board.text:
            assert board.now < SECONDS, board.text
            board.step()
        text = board.text
        scanner, lines = Scanner(), LineAssembler()
        found = [
            finding for line in lines.feed(text.encode(), 0.0) for finding in scanner.feed(line)
        ]
        return [each for each in found if isinstance(each, Crash | Notice)]

    def decoded(self, letter: str, proven: str | None = None) -> str:
        """The notice of the crash that a letter causes."""
        crash = next(each for each in self.crash(letter) if isinstance(each, Crash))
        notice = Decoder(self.sources).decode(crash, Scanner().board, proven)
        assert notice is not None
        return notice.text

    def line(self, mark: str) -> str:
        """`src/main.cpp:LINE` of the line that carries a comment."""
        lines = (self.project / "src" / "main.cpp").read_text().splitlines()
        return f"src/main.cpp:{next(n for n, line in enumerate(lines, 1) if f'// {mark}' in line)}"


def keep(kept: KeptElfs, image: Image) -> None:
    assert image.elf is not None
    kept.add(image.build_id, image.elf)
    kept.prove(image.build_id)


@pytest.fixture(scope="module", params=TOOLCHAINS)
def bench(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(tmp_path_factory.mktemp("faults"), str(request.param))


def test_a_load_from_a_null_pointer_with_the_calls_that_led_there(bench: Bench) -> None:
    text = bench.decoded("l")
    head, why, *rows = text.splitlines()
    assert head.startswith("Load access fault in ")
    assert head.endswith(bench.line("load"))
    assert why == "  a read from 0x00000010: a null pointer"
    where = [re.split(r"\s{2,}", row.strip())[-1] for row in rows]
    assert where[:3] == [
        bench.line("load"),
        f"{bench.line('filtered')}, inlined in",
        bench.line("loop load"),
    ]
    assert "printed" in rows[-1]
    assert bench.image.build_id in rows[-1]


def test_abort_is_shown_at_the_line_that_called_it(bench: Bench) -> None:
    head, *rows = bench.decoded("a").splitlines()
    assert head == f"abort() in give_up, {bench.line('abort')}"
    assert any(bench.line("loop abort") in row for row in rows)


def test_an_overwritten_stack_is_noticed_in_the_function_that_did_it(bench: Bench) -> None:
    head = bench.decoded("s").splitlines()[0]
    assert head.startswith("Stack smashing protect failure in smash, src/main.cpp:")


def test_a_call_through_a_null_pointer_is_shown_where_it_was_called(bench: Bench) -> None:
    head, why, *rows = bench.decoded("j").splitlines()
    assert head == f"Instruction access fault in jump_nowhere, {bench.line('jump')}"
    assert why == "  a jump to 0x00000000: a null pointer"
    assert rows[0].split(None, 2)[2] == "not in this program"
    assert not any(row.lstrip().startswith("?") for row in rows)


def test_a_watchdog_is_shown_with_the_line_that_hung(bench: Bench) -> None:
    found = bench.crash("w")
    notice = next(each for each in found if isinstance(each, Notice))
    assert notice.text.startswith("reset: watchdog of timer group 0")
    text = bench.decoded("w", proven=bench.image.build_id)
    assert text.splitlines()[0].endswith(f"_RST) in hang, {bench.line('hang')}")
    assert text.endswith("proven in this session")


def test_the_panic_of_another_build_is_not_decoded(bench: Bench, tmp_path: Path) -> None:
    crash = next(each for each in bench.crash("l") if isinstance(each, Crash))
    other = tmp_path / "other.elf"
    assert bench.image.elf is not None
    other.write_bytes(bench.image.elf.read_bytes() + b"\0")
    notice = Decoder(Sources(built=lambda: other)).decode(crash, Scanner().board, None)
    assert notice is not None
    assert "not decoded: no ELF here has the SHA-256" in notice.text
    assert "#0" not in notice.text
