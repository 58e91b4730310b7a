"""Addresses to functions and lines on real ELFs: gcc and clang, DWARF 4 and 5, and what is damaged."""

from __future__ import annotations

import errno
import importlib.util
import random
import re
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from fbuild_watch.decode import Board, Crash, KeptElfs, Sources, Stack, rom
from fbuild_watch.decode.calls import follows_call
from fbuild_watch.decode.cfi import CallFrames
from fbuild_watch.decode.decoder import Decoder
from fbuild_watch.decode.kept import CANDIDATES, KEPT, sha256_of
from fbuild_watch.decode.lines import Lines, Place
from fbuild_watch.decode.paths import Paths
from fbuild_watch.decode.program import ElfUnreadable, Program, load

SOURCE = """\
namespace pump {
struct Motor {
  volatile int speed;
  __attribute__((noinline)) int read() const;
};
int Motor::read() const {
  return speed + 1;  // read
}
static inline int twice(const Motor &motor) {
  return motor.read() * 2;  // twice
}
__attribute__((noinline)) int run(const Motor &motor) {
  return twice(motor) + 3;  // run
}
}  // namespace pump
extern "C" int other(int);
extern "C" int main() {
  pump::Motor motor{4};
  return pump::run(motor) + other(motor.speed);  // main
}
"""
OTHER = 'extern "C" __attribute__((noinline)) int other(int x) {\n  return x * 5;  // other\n}\n'
UNUSED = "int unused(int x) {\n  return x - 1;\n}\n"
SCRIPT = """
ENTRY(main)
SECTIONS {
  .text 0x42000020 : { *(.text .text.*) }
  .eh_frame : { KEEP(*(.eh_frame)) }
  .data 0x3FC90000 : { *(.data*) *(.sdata*) }
}
"""
GCC = "riscv64-unknown-elf-g++"
EM_XTENSA = 94


def compilers() -> dict[str, list[str]]:
    """Those that are here, each by its name."""
    found = {}
    if shutil.which(GCC):
        found["gcc"] = [GCC, "-march=rv32imc_zicsr", "-mabi=ilp32", "-Wl,--build-id=none"]
    if importlib.util.find_spec("ziglang"):
        found["zig"] = [sys.executable, "-m", "ziglang", "c++", "-target",
                        "riscv32-freestanding-none", "-mcpu=generic_rv32+m+c"]  # fmt: skip
    return found


def build(folder: Path, compiler: list[str], *flags: str) -> Path:
    """The program, with a function that the linker drops."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "src").mkdir(exist_ok=True)
    for name, text in (("main", SOURCE), ("other", OTHER), ("unused", UNUSED)):
        (folder / "src" / f"{name}.cpp").write_text(text)
    (folder / "app.ld").write_text(SCRIPT)
    sources = [f"src/{name}.cpp" for name in ("unused", "main", "other")]
    options = ["-Os", "-ffreestanding", "-nostdlib", "-fno-exceptions", "-fno-rtti",
               "-fno-asynchronous-unwind-tables", "-ffunction-sections", "-Wl,--gc-sections",
               "-Wl,-T,app.ld", "-Wl,-e,main", "-o", "firmware.elf"]  # fmt: skip
    subprocess.run([*compiler, *options, *flags, *sources], cwd=folder, check=True)
    return folder / "firmware.elf"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("elf")


@pytest.fixture(
    scope="module", params=[(c, v) for c in ("gcc", "zig") for v in ("4", "5")], ids="-".join
)
def elf(request: pytest.FixtureRequest, folder: Path) -> Path:
    name, version = request.param
    if name not in compilers():
        pytest.skip(f"{name} is not here")
    return build(folder / f"{name}{version}", compilers()[name], f"-gdwarf-{version}")


@pytest.fixture(scope="module")
def one(folder: Path) -> Path:
    """The program, by any compiler."""
    return build(folder / "one", next(iter(compilers().values())), "-g")


def line(mark: str) -> int:
    text = OTHER if mark == "other" else SOURCE
    return next(n for n, row in enumerate(text.splitlines(), 1) if row.endswith(f"// {mark}"))


def calls_in(program: Program, start: int, end: int) -> list[int]:
    """The return addresses of the calls in a function."""
    return [at for at in range(start + 2, end + 2, 2) if follows_call(program, at)]


def named(program: Program, name: str) -> tuple[int, int]:
    symbol = next(symbol for symbol in program._symbols if symbol.name == name)
    return symbol.start, symbol.end


def test_a_function_in_a_namespace_and_a_class(elf: Path) -> None:
    program = load(elf)
    start, _ = named(program, "pump::Motor::read")
    (place,) = Lines(program).places(start)
    assert (place.function, place.line) == ("pump::Motor::read", line("read"))
    assert Path(place.folder, place.file).resolve() == elf.parent / "src" / "main.cpp"


def test_what_was_inlined_is_given_with_the_line_it_was_inlined_at(elf: Path) -> None:
    program = load(elf)
    start, end = named(program, "pump::run")
    call = calls_in(program, start, end)[0] - 1
    inner, outer = Lines(program).places(call)
    assert (inner.function, inner.line, inner.inlined) == ("pump::twice", line("twice"), True)
    assert (outer.function, outer.line, outer.inlined) == ("pump::run", line("run"), False)


def test_a_second_unit(elf: Path) -> None:
    program = load(elf)
    start, _ = named(program, "other")
    (place,) = Lines(program).places(start)
    assert place.function == "other"
    assert place.file.endswith("other.cpp")


def test_where_there_is_no_code_there_is_no_place(elf: Path) -> None:
    program, lines = load(elf), Lines(load(elf))
    for address in (0, 0x10, 0x3FC90000, 0x42100000, 0xFFFFFFFE):
        assert not program.is_code(address)
        assert lines.places(address) == []


@pytest.mark.skipif("gcc" not in compilers(), reason="zig strips the symbols too")
def test_without_debug_information_the_symbol_names_it(folder: Path) -> None:
    program = load(build(folder / "plain", compilers()["gcc"], "-g0"))
    start, _ = named(program, "pump::Motor::read")
    (place,) = Lines(program).places(start + 2)
    assert (place.function, place.file, place.line) == ("pump::Motor::read", "", 0)


def test_a_damaged_elf_is_said_or_read_as_far_as_it_goes(one: Path) -> None:
    data, chance = one.read_bytes(), random.Random(5)
    for _ in range(60):
        broken = bytearray(data[: chance.randrange(len(data))] if chance.random() < 0.3 else data)
        for _ in range(chance.randrange(1, 200)):
            broken[chance.randrange(len(broken))] = chance.randrange(256) if broken else 0
        try:
            program = Program(bytes(broken), "broken.elf")
        except ElfUnreadable:
            continue
        lines, frames = Lines(program), CallFrames(program)
        for address in (0x42000020, 0x42000030, 0x3FC90000):
            lines.places(address)
            frames.rules(address)


# --- traces ----------------------------------------------------------------------------------


def test_a_dump_without_stack_words_still_has_the_caller(one: Path) -> None:
    program = load(one)
    start, _ = named(program, "pump::Motor::read")
    ra = calls_in(program, *named(program, "pump::run"))[0]
    crash = Crash(
        "fault", registers={"MEPC": start, "RA": ra, "SP": 0x3FC94000}, stack=Stack(0x3FC94000, ())
    )
    text = decoded(one, crash)
    assert re.search(r"#0 .* pump::Motor::read", text)
    assert re.search(r"#1 .* pump::twice", text)


def test_words_that_follow_a_call_are_probable_where_nothing_else_is_known(one: Path) -> None:
    program = load(one)
    (ra,) = calls_in(program, *named(program, "pump::run"))
    crash = Crash("fault", stack=Stack(0x3FC94000, (1, 0x42000020, ra, 0xA5A5A5A5, ra + 2)))
    text = decoded(one, crash)
    assert "? is probable" in text
    assert text.count("pump::twice") == 1


def test_a_dump_of_another_machine_is_no_defect(one: Path) -> None:
    """An ESP8266's, where the newest ELF of the project is a RISC-V one."""
    stack = Stack(0x3FFFFF20, (0x40201D02, 1))
    text = decoded(one, Crash("exception 28", registers={"EPC1": 0x40201C3A}, stack=stack))
    assert text.startswith("exception 28\n  #0  0x40201c3a not in this program")


def patched(elf: Path, folder: Path) -> Path:
    """The same program as if it were an Xtensa one: what decodes asks for no instruction there."""
    data = bytearray(elf.read_bytes())
    data[18:20] = struct.pack("<H", EM_XTENSA)
    made = folder / "xtensa.elf"
    made.write_bytes(data)
    return made


def decoded(elf: Path, crash: Crash, proven: str | None = None) -> str:
    sources = Sources(built=lambda: elf, project_dir=elf.parent, src_dir=elf.parent / "src")
    notice = Decoder(sources).decode(crash, Board(), proven)
    assert notice is not None
    return notice.text


def test_an_xtensa_backtrace(one: Path, tmp_path: Path) -> None:
    elf = patched(one, one.parent)
    program = load(elf)
    start, _ = named(program, "pump::Motor::read")
    call = calls_in(load(one), *named(program, "pump::run"))[0] - 1
    frames = (start, call, 0x40004000, 0x3FFB0000)
    text = decoded(elf, Crash("LoadProhibited", frames=frames, elf_sha256=sha256_of(elf)[:9]))
    head, *rows = text.splitlines()
    assert head == f"LoadProhibited in pump::Motor::read, src/main.cpp:{line('read')}"
    assert re.search(rf"pump::twice +src/main.cpp:{line('twice')}, inlined in", rows[1])
    assert re.search(rf"pump::run +src/main.cpp:{line('run')}", rows[2])
    assert "mask ROM" in rows[3]
    assert "0x3ffb0000" not in text
    assert "whose SHA-256 the board printed" in rows[-1]


def test_a_backtrace_that_does_not_fit_an_unverified_elf_is_not_decoded(one: Path) -> None:
    elf = patched(one, one.parent)
    start, _ = named(load(elf), "pump::Motor::read")
    text = decoded(elf, Crash("LoadProhibited", frames=(start, start + 2, start + 4)))
    assert "is not what the board runs" in text
    assert "#0" not in text


def test_a_name_that_no_file_can_have_is_shown_as_it_is(tmp_path: Path) -> None:
    paths = Paths(tmp_path, tmp_path / "src")
    assert paths.show(Place("f", "x" * 5000, 7)) == f"{'x' * 5000}:7"


def test_a_user_without_a_home_has_no_rom(one: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", nowhere)
    crash = Crash("fault", frames=(named(load(one), "other")[0], 0x40000100))
    notice = Decoder(Sources(built=lambda: one)).decode(crash, Board(chip="esp32c3"), None)
    assert notice is not None
    assert re.search(r"#1 .* mask ROM", notice.text)


# --- which ELF -------------------------------------------------------------------------------


def keep(folder: Path, *builds: tuple[str, bytes]) -> KeptElfs:
    kept = KeptElfs(folder)
    for build_id, data in builds:
        made = folder.parent / "made.elf"
        made.write_bytes(data)
        kept.add(build_id, made)
        kept.prove(build_id)
    return kept


def test_the_digest_that_the_board_prints_decides(one: Path, tmp_path: Path) -> None:
    kept = keep(tmp_path / "elfs", ("aaaa0001", one.read_bytes()), ("aaaa0002", b"something else"))
    sources = Sources(kept, built=lambda: tmp_path / "made.elf")
    start, _ = named(load(one), "other")
    crash = Crash("fault", frames=(start,), elf_sha256=sha256_of(one)[:16])
    for proven in (None, "aaaa0002"):
        notice = Decoder(sources).decode(crash, Board(), proven)
        assert notice is not None
        assert "fault in other" in notice.text
        assert "decoded with build aaaa0001" in notice.text


def test_a_digest_that_no_elf_has_is_noticed_and_nothing_else_is_used(
    one: Path, tmp_path: Path
) -> None:
    kept = keep(tmp_path / "elfs", ("aaaa0001", one.read_bytes()))
    start, _ = named(load(one), "other")
    crash = Crash("fault", frames=(start,), elf_sha256="0123456789abcdef")
    notice = Decoder(Sources(kept, built=lambda: one)).decode(crash, Board(), "aaaa0001")
    assert notice is not None
    assert notice.text.startswith("fault\n  not decoded: no ELF here has the SHA-256")
    assert "other" not in notice.text.replace("another", "")


def test_what_this_session_has_proven_is_used_and_else_it_is_marked(
    one: Path, tmp_path: Path
) -> None:
    kept = keep(tmp_path / "elfs", ("aaaa0001", one.read_bytes()))
    start, _ = named(load(one), "other")
    crash = Crash("fault", frames=(start,))
    said = [
        Decoder(Sources(kept)).decode(crash, Board(), proven)
        for proven in ("aaaa0001", None, "bbbb0001")
    ]
    texts = [notice.text.splitlines()[-1].strip() for notice in said if notice]
    assert texts[0] == "decoded with build aaaa0001, proven in this session"
    assert texts[1].startswith("unverified: decoded with build aaaa0001")
    assert texts[2].startswith("not decoded: the ELF of build bbbb0001")


def test_without_any_elf_the_crash_is_said(tmp_path: Path) -> None:
    notice = Decoder(Sources(KeptElfs(tmp_path / "none"))).decode(
        Crash("fault", frames=(1,)), Board(), None
    )
    assert notice is not None
    assert notice.text == "fault\n  not decoded: no ELF is here; build the project"


def test_a_warning_that_comes_again_is_still_a_warning(one: Path) -> None:
    times = iter((0.0, 5.0, 5.0))
    decoder = Decoder(Sources(built=lambda: one), clock=lambda: next(times))
    crash = Crash("task watchdog", frames=(named(load(one), "other")[0],), is_fatal=False)
    said = [decoder.decode(crash, Board(), None) for _ in range(2)]
    assert [notice.kind for notice in said if notice] == ["info", "info"]


def test_the_same_crash_again_is_one_line_and_not_more_often_than_anybody_reads(one: Path) -> None:
    times = iter((0.0, 0.4, 1.2, 1.2, 1.5, 9.0, 9.0))
    decoder = Decoder(Sources(built=lambda: one), clock=lambda: next(times))
    crash = Crash("fault", frames=(named(load(one), "other")[0],))
    said = [decoder.decode(crash, Board(), None) for _ in range(5)]
    assert [bool(notice) for notice in said] == [True, False, True, False, True]
    assert said[2] is not None
    assert said[2].text.startswith("the same again (3 times): fault in other")


def test_a_kept_elf_is_not_changed_by_what_is_written_over_the_original(tmp_path: Path) -> None:
    made = tmp_path / "made.elf"
    made.write_bytes(b"first")
    kept = KeptElfs(tmp_path / "elfs")
    kept.add("aaaa0001", made)
    with made.open("r+b") as file:  # as objcopy and some linkers do
        file.write(b"later")
    kept.prove("aaaa0001")
    (elf,) = kept.all()
    assert elf.path.read_bytes() == b"first"
    assert elf.sha256 == sha256_of(elf.path)


def test_the_number_of_kept_elfs_is_bounded_and_what_was_proven_last_stays(tmp_path: Path) -> None:
    folder = tmp_path / "elfs"
    kept = keep(folder, *((f"{number:08x}", bytes([number])) for number in range(KEPT)))
    kept.prove("00000000")
    for number in range(KEPT, KEPT + 3):
        keep(folder, (f"{number:08x}", bytes([number])))
    ids = [elf.build_id for elf in kept.all()]
    assert len(ids) == KEPT
    assert "00000000" in ids
    assert "00000001" not in ids


def test_builds_that_were_never_proven_push_no_proven_one_out(tmp_path: Path) -> None:
    folder = tmp_path / "elfs"
    kept = keep(folder, ("aaaa0001", b"proven"))
    made = tmp_path / "made.elf"
    for number in range(20):
        made.write_bytes(bytes([number]) * (number + 1))
        kept.add(f"{number:08x}", made)
    assert [elf.build_id for elf in kept.all()] == ["aaaa0001"]
    assert len(list(folder.glob("*.candidate"))) == CANDIDATES


def test_an_elf_that_cannot_be_kept_stops_nothing(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("no folder")
    kept = KeptElfs(blocked / "elfs")
    kept.keep("aaaa0001", tmp_path / "missing.elf")
    assert kept.all() == []


def test_what_a_full_disk_has_cut_off_is_not_left_on_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_source: Path, target: Path) -> None:
        target.write_bytes(b"as much as there was room for")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("fbuild_watch.decode.kept.copy", full)
    made = tmp_path / "made.elf"
    made.write_bytes(b"an ELF")
    KeptElfs(tmp_path / "elfs").keep("aaaa0001", made)
    assert list((tmp_path / "elfs").iterdir()) == []


def test_what_cannot_be_looked_at_among_the_kept_hides_none_of_the_others(tmp_path: Path) -> None:
    kept = keep(tmp_path / "elfs", ("aaaa0001", b"proven"))
    loop = tmp_path / "elfs" / f"bbbb0001-{'0' * 64}.elf"
    loop.symlink_to(loop.name)
    assert [elf.build_id for elf in kept.all()] == ["aaaa0001"]


def test_an_elf_is_kept_again_when_its_folder_was_removed(tmp_path: Path) -> None:
    kept = keep(tmp_path / "elfs", ("aaaa0001", b"proven"))
    shutil.rmtree(tmp_path / "elfs")
    kept.add("aaaa0001", tmp_path / "made.elf")
    kept.prove("aaaa0001")
    assert [elf.build_id for elf in kept.all()] == ["aaaa0001"]


def test_an_elf_that_is_replaced_while_it_is_looked_at_is_noticed(
    one: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = tmp_path / "built.elf"
    built.write_bytes(one.read_bytes())

    def digest_then_build(path: Path) -> str:
        digest = sha256_of(path)
        path.write_bytes(one.read_bytes() + b"of the next build")
        return digest

    monkeypatch.setattr("fbuild_watch.decode.choice.sha256_of", digest_then_build)
    crash = Crash("fault", frames=(named(load(one), "other")[0],), elf_sha256=sha256_of(one)[:16])
    text = decoded(built, crash)
    assert text.startswith("fault\n  not decoded: ")
    assert text.endswith("it was replaced, or damaged")


# --- the mask ROM ----------------------------------------------------------------------------


def installed_rom(folder: Path, one: Path, name: str, date: str) -> None:
    """A ROM ELF with the date of its build in it, as the chips print it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(one.read_bytes() + date.encode())


def test_the_rom_is_the_one_whose_banner_has_its_date(one: Path, tmp_path: Path) -> None:
    tools = tmp_path / "tools"
    folder = tools / "tools" / "esp-rom-elfs" / "20240305"
    installed_rom(folder, one, "esp32c3_rev3_rom.elf", "Feb  7 2021")
    installed_rom(folder, one, "esp32c3_rev101_rom.elf", "Dec  1 2022")
    installed_rom(folder, one, "esp32_rev0_rom.elf", "Jun  8 2016")

    def found(chip: str, date: str) -> str | None:
        program = rom.find(chip, date, {"IDF_TOOLS_PATH": str(tools)}, tmp_path)
        return Path(program.name).name if program else None

    assert found("esp32c3", "Feb  7 2021") == "esp32c3_rev3_rom.elf"
    assert found("esp32c3", "Dec  1 2022") == "esp32c3_rev101_rom.elf"
    assert found("esp32c3", "Jan  1 1970") is None
    assert found("esp32c3", "") is None  # either may be meant
    assert found("esp32", "") == "esp32_rev0_rom.elf"
    assert found("esp32c6", "") is None


def test_a_step_in_the_rom_has_its_functions_name(
    one: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = build(tmp_path / "rom", next(iter(compilers().values())), "-g", "-Wl,-Ttext=0x40000100")
    start = min(symbol.start for symbol in load(made)._symbols)
    made.rename(tmp_path / "esp32c3_rev3_rom.elf")
    monkeypatch.setenv("ESP_ROM_ELF_DIR", str(tmp_path))
    crash = Crash("fault", frames=(named(load(one), "other")[0], start))
    notice = Decoder(Sources(built=lambda: one)).decode(crash, Board(chip="esp32c3"), None)
    assert notice is not None
    assert re.search(r"#1 .* \w+.* mask ROM", notice.text)


# --- call frame information ------------------------------------------------------------------

FRAME_FLAGS = {
    "debug_frame": ("gcc", "-g", "-fno-asynchronous-unwind-tables"),
    "eh_frame": ("gcc", "-g", "-fasynchronous-unwind-tables"),
    "eh_frame of clang": ("zig", "-g", "-fasynchronous-unwind-tables"),
}


@pytest.mark.parametrize("section", FRAME_FLAGS)
def test_the_rules_of_a_frame_from_either_section(folder: Path, section: str) -> None:
    name, *flags = FRAME_FLAGS[section]
    if name not in compilers():
        pytest.skip(f"{name} is not here")
    program = load(build(folder / section, compilers()[name], *flags))
    assert program.dwarf is not None
    assert bool(program.dwarf.debug_frame_sec) == (section == "debug_frame")
    start, end = named(program, "pump::run")
    frames = CallFrames(program)
    first = frames.rules(start)
    assert first is not None
    assert (first.cfa_register, first.cfa_offset, first.saved) == (2, 0, {})  # SP, nothing pushed
    inside = frames.rules(calls_in(program, start, end)[0] - 1)
    assert inside is not None
    assert inside.cfa_offset % 16 == 0
    assert inside.cfa_offset > 0
    assert inside.saved[1] == -4  # RA, below the caller's frame
    assert frames.rules(0x10) is None
    assert frames.rules(0x42100000) is None
