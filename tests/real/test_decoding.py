"""The decoder beside a board's stream: order, silence, core dumps, decoders of others; and in the loop."""

from __future__ import annotations

import base64
import importlib
import shutil
import signal
import stat
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path

import pytest
import trio

from fbuild_watch.board import oneshot
from fbuild_watch.board.decoding import Decoding
from fbuild_watch.built import built_elf
from fbuild_watch.decode import CoreDump, KeptElfs, Plugins, Sources, dumps
from fbuild_watch.example import copy_example
from fbuild_watch.model import ConsoleInput, ConsoleItem, DeviceText, Notice
from fbuild_watch.project import load
from tests.pure import panic_texts as texts
from tests.real.conftest import ServedBoard
from tests.real.program import environment, fbuild, run

Say = Callable[[str], Awaitable[None]]
DEADLINE_S = 20.0
EXAMPLE = Path(__file__).parents[2] / "examples" / "console-plugin"


class Shown:
    """A console that remembers what it was shown."""

    def __init__(self) -> None:
        self.items: list[ConsoleItem] = []
        self._more = trio.Event()

    async def show(self, item: ConsoleItem) -> None:
        self.tell(item)

    def tell(self, item: ConsoleItem) -> None:
        self.items.append(item)
        self._more.set()
        self._more = trio.Event()

    async def notice(self, part: str) -> Notice:
        """Wait for a notice with this in it."""
        with trio.fail_after(DEADLINE_S):
            while True:
                for item in self.items:
                    if isinstance(item, Notice) and part in item.text:
                        return item
                await self._more.wait()


@asynccontextmanager
async def decoding(
    shown: Shown, folder: Path | None = None, plugins: Plugins | None = None
) -> AsyncIterator[Say]:
    """A decoder that runs; gives what the board's text is given to."""
    made = Decoding(shown.tell, Sources(), folder, plugins or Plugins(list))
    show = made.shown(shown.show)

    async def say(text: str) -> None:
        for line in text.splitlines():
            await show(DeviceText(line, True, trio.current_time()))

    async with running(made):
        yield say


@asynccontextmanager
async def running(made: Decoding) -> AsyncIterator[None]:
    """The decoder at work for the length of the block."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(made.run)
        yield
        nursery.cancel_scope.cancel()


def hear(made: Decoding, text: str) -> None:
    """All of it at once, before anything can be made of it."""
    for line in text.splitlines():
        made._look(DeviceText(line, True, 0.0))


def kept_elfs(folder: Path, *builds: str) -> KeptElfs:
    """Builds whose ELFs hold their names."""
    kept = KeptElfs(folder / "elfs")
    for build_id in builds:
        (folder / "app.elf").write_text(build_id)
        kept.keep(build_id, folder / "app.elf")
    return kept


async def test_what_the_board_says_is_shown_at_once_and_what_is_said_of_it_follows() -> None:
    shown = Shown()
    async with decoding(shown) as say:
        await say(texts.RISCV + "and on\n")
        assert len(shown.items) == len(texts.RISCV.splitlines()) + 1  # nothing was waited for
        notice = await shown.notice("Load access fault")
    assert notice.kind == "bad"
    assert "not decoded: no ELF here has" in notice.text
    assert shown.items[-1] is notice


async def test_a_panic_that_ends_in_silence_is_decoded() -> None:
    shown = Shown()
    async with decoding(shown) as say:
        await say(texts.XTENSA.partition("ELF file")[0])
        await shown.notice("LoadProhibited")


async def test_a_defect_of_the_decoder_is_said_and_ends_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("as nobody has seen")

    monkeypatch.setattr("fbuild_watch.decode.decoder.choose", broken)
    shown = Shown()
    async with decoding(shown) as say:
        await say(texts.XTENSA)
        await shown.notice("decoding has failed, by a defect of fbuild (RuntimeError")
        await say("and on")
    assert isinstance(shown.items[-1], DeviceText)


async def test_a_reset_is_said_right_after_its_line() -> None:
    shown = Shown()
    async with decoding(shown) as say:
        await say("rst:0xf (RTCWDT_BROWN_OUT_RESET),boot:0x13 (SPI_FAST_FLASH_BOOT)\nmode:DIO\n")
    assert [type(item) for item in shown.items] == [DeviceText, Notice, DeviceText]


DUMP = base64.encodebytes(bytes(range(200))).decode()
DUMPED = f"===== CORE DUMP START =====\n{DUMP}===== CORE DUMP END =====\n"


async def test_a_core_dump_is_saved_and_how_to_look_at_it_is_said(tmp_path: Path) -> None:
    shown = Shown()
    folder = tmp_path / ".fbuild" / "coredumps"
    async with decoding(shown, folder) as say:
        await say(DUMPED)
        notice = await shown.notice("core dump saved")
    (saved,) = folder.iterdir()
    assert base64.b64decode(saved.read_text()) == bytes(range(200))
    assert f"info_corefile --core {saved} --core-format b64" in notice.text


def test_core_dumps_of_the_same_second_are_several_and_the_oldest_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = count(1_800_000_000 * 10**9, 10**6)
    monkeypatch.setattr("fbuild_watch.decode.dumps.time.time_ns", lambda: next(times))
    for number in range(dumps.KEPT + 2):
        dumps.save(CoreDump(f"{number}\n"), tmp_path)
    kept = {path.read_text() for path in tmp_path.iterdir()}
    assert kept == {f"{number}\n" for number in range(2, dumps.KEPT + 2)}


async def test_without_a_project_a_core_dump_cannot_be_kept() -> None:
    shown = Shown()
    async with decoding(shown) as say:
        await say(DUMPED)
        await shown.notice("nowhere to keep it")


async def test_a_core_dump_is_about_what_ran_when_it_came(tmp_path: Path) -> None:
    kept = kept_elfs(tmp_path, "aaaa0001", "bbbb0001")
    (ran,) = kept.of_build("aaaa0001")
    shown = Shown()
    made = Decoding(shown.tell, Sources(kept), tmp_path / "a folder", Plugins(list))
    boot = f"I (1) cpu_start: ELF file SHA256:  {ran.sha256[:16]}...\n"
    hear(made, boot + DUMPED + "rst:0xc (RTC_SW_CPU_RST),boot:0x13 (SPI_FAST_FLASH_BOOT)\n")
    async with running(made):
        notice = await shown.notice("core dump saved")
    assert notice.text.endswith(str(ran.path))
    assert f"--core '{tmp_path / 'a folder'}" in notice.text


# --- what runs, and what ran before ----------------------------------------------------------


async def test_a_panic_that_a_flash_has_cut_off_is_not_of_what_was_flashed(tmp_path: Path) -> None:
    shown = Shown()
    made = Decoding(shown.tell, Sources(kept_elfs(tmp_path, "bbbb0001")), None, Plugins(list))
    made.board_holds("aaaa0001")
    hear(made, texts.XTENSA.partition("ELF file")[0])
    made.board_holds("bbbb0001")
    async with running(made):
        notice = await shown.notice("LoadProhibited")
    assert "the ELF of build aaaa0001, which runs, was not kept" in notice.text


async def test_a_digest_that_was_printed_before_a_flash_counts_no_more(tmp_path: Path) -> None:
    """Where a USB port comes too late for the banner, nothing else says that the board restarted."""
    shown = Shown()
    made = Decoding(shown.tell, Sources(kept_elfs(tmp_path, "aaaa0001")), None, Plugins(list))
    hear(made, f"I (1) cpu_start: ELF file SHA256:  {'ab' * 8}...\n")
    made.board_holds("bbbb0001")
    hear(made, texts.XTENSA_TASK_WATCHDOG)
    async with running(made):
        notice = await shown.notice("task watchdog")
    assert "the ELF of build bbbb0001, which runs, was not kept" in notice.text


async def test_a_board_that_went_and_came_may_run_another_build() -> None:
    """As one that was unplugged, flashed elsewhere, and sends nothing while USB is set up."""
    boot = f"I (1) cpu_start: ELF file SHA256:  {'ab' * 8}...\n"
    said = [boot + texts.XTENSA_TASK_WATCHDOG, texts.XTENSA_TASK_WATCHDOG]
    heard: list[Notice] = []

    async def serve(stream: trio.SocketStream) -> None:
        async with stream:
            if said:
                await stream.send_all(said.pop(0).encode())
                if said:
                    return
            await trio.sleep_forever()

    async def console(
        items: trio.MemoryReceiveChannel[ConsoleItem], _inputs: trio.MemorySendChannel[ConsoleInput]
    ) -> None:
        with trio.fail_after(DEADLINE_S):
            async for item in items:
                if isinstance(item, Notice) and item.text.startswith("task watchdog"):
                    heard.append(item)
                    if len(heard) == 2:
                        return

    async with trio.open_nursery() as nursery:
        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        nursery.start_soon(trio.serve_listeners, serve, [listener])
        port = f"socket://127.0.0.1:{listener.socket.getsockname()[1]}"
        await oneshot.talk(port, 115200, console)
        nursery.cancel_scope.cancel()
    assert "no ELF here has the SHA-256 that the board printed" in heard[0].text
    assert heard[1].text.endswith("no ELF is here; build the project")


@pytest.mark.skipif(sys.platform == "win32", reason="the tool is a shell script here")
async def test_a_core_dump_is_given_to_esp_coredump(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool = tmp_path / "bin" / "esp-coredump"
    tool.parent.mkdir()
    tool.write_text('#!/bin/sh\necho "asked for: $@"\n')
    tool.chmod(tool.stat().st_mode | stat.S_IEXEC)
    monkeypatch.setenv("PATH", str(tool.parent), prepend=":")
    kept = kept_elfs(tmp_path, "aaaa0001")
    shown = Shown()
    made = Decoding(shown.tell, Sources(kept), tmp_path / ".fbuild" / "coredumps", Plugins(list))
    made.board_holds("aaaa0001")
    hear(made, DUMPED)
    async with running(made):
        notice = await shown.notice("asked for: info_corefile")
    assert str(kept.all()[0].path) in notice.text


# --- decoders of others ----------------------------------------------------------------------


def install(folder: Path, name: str, entry: str) -> None:
    """What `pip install` leaves of a package's entry points."""
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[fbuild_watch.decoders]\n{name} = {entry}\n")


def install_made(
    folder: Path, monkeypatch: pytest.MonkeyPatch, module: str, source: str, *names: str
) -> None:
    """Install decoders of a module that is written here, and have it found."""
    (folder / f"{module}.py").write_text(source)
    for name in names:
        install(folder, name.lower(), f"{module}:{name}")
    monkeypatch.syspath_prepend(str(folder))


async def test_the_examples_decoder_is_found_when_it_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, "i2c-words", "fbuild_console_example:I2cErrors")
    monkeypatch.syspath_prepend(str(EXAMPLE))
    monkeypatch.syspath_prepend(str(tmp_path))
    shown = Shown()
    async with decoding(shown, plugins=Plugins()) as say:
        await shown_ready(say, shown, "\x1b[31mi2c_master: \x1b[1merror 263\x1b[0m")
        assert (await shown.notice("I2C:")).text == "I2C: ESP_ERR_TIMEOUT: no pull-up?"
    sys.modules.pop("fbuild_console_example", None)


async def shown_ready(say: Say, shown: Shown, line: str) -> None:
    """Say a line until a decoder that is being loaded has heard it."""
    with trio.fail_after(DEADLINE_S):
        while not any(isinstance(item, Notice) for item in shown.items):
            await say(line)
            await trio.sleep(0.01)


BROKEN = """\
from fbuild_watch.decode import Crash
class Broken:
    def feed(self, line):
        raise KeyError(line)
class Fault:
    def feed(self, line):
        if line.startswith("FAULT "):
            yield Crash("a fault of ours", frames=(int(line[6:], 16),))
class Wrong:
    def feed(self, line):
        return [42]
def unmade():
    raise OSError("no licence")
"""


async def test_a_decoder_that_fails_is_said_once_and_the_others_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, "missing", "no_such_module:Decoder")
    made = ("Broken", "Fault", "Wrong", "unmade")
    install_made(tmp_path, monkeypatch, "decoders_of_a_test", BROKEN, *made)
    shown = Shown()
    async with decoding(shown, plugins=Plugins()) as say:
        for name in ("unmade", "missing"):
            assert "goes on without it" in (await shown.notice(f"the decoder {name}")).text
        await say("FAULT 42000020\nFAULT 42000020\n")
        assert "KeyError" in (await shown.notice("the decoder broken")).text
        assert "TypeError" in (await shown.notice("the decoder wrong")).text
        await shown.notice("a fault of ours")
    said = [item.text for item in shown.items if isinstance(item, Notice)]
    assert sum("the decoder broken" in text for text in said) == 1


@pytest.mark.parametrize(
    "points", [b"[fbuild_watch.decoders]\nno point\n", b"[fbuild_watch.decoders]\nx = \xff\n"]
)
async def test_what_a_package_has_installed_amiss_ends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, points: bytes
) -> None:
    install(tmp_path, "amiss", "unused")
    (tmp_path / "amiss-1.0.dist-info" / "entry_points.txt").write_bytes(points)
    monkeypatch.syspath_prepend(str(tmp_path))
    shown = Shown()
    async with decoding(shown, plugins=Plugins()) as say:
        await shown.notice("decoders cannot be looked for")
        await say(texts.XTENSA)
        await shown.notice("LoadProhibited")


SLOW = """\
import threading
asked, gate = threading.Event(), threading.Event()
class Slow:
    def feed(self, line):
        asked.set()
        gate.wait()
        return []
"""


async def test_a_decoder_that_hangs_keeps_ours_not_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_made(tmp_path, monkeypatch, "slow_decoder", SLOW, "Slow")
    slow = importlib.import_module("slow_decoder")
    shown = Shown()
    try:
        async with decoding(shown, plugins=Plugins()) as say:
            with trio.fail_after(DEADLINE_S):
                while not slow.asked.is_set():
                    await say("a line")
                    await trio.sleep(0.01)
            await say(texts.XTENSA)
            await shown.notice("LoadProhibited")
    finally:
        slow.gate.set()


LEAVES = """\
import sys
class AtOnce:
    def __init__(self):
        sys.exit("no licence")
class Later:
    def feed(self, line):
        sys.exit("no licence")
"""


async def test_a_decoder_that_would_end_the_program_ends_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_made(tmp_path, monkeypatch, "leaving_decoders", LEAVES, "AtOnce", "Later")
    shown = Shown()
    async with decoding(shown, plugins=Plugins()) as say:
        await shown.notice("the decoder atonce has failed (SystemExit")
        await say("a line")
        await shown.notice("the decoder later has failed (SystemExit")


async def test_the_digest_that_the_board_printed_counts_for_decoders_of_others_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_made(tmp_path, monkeypatch, "one_more_decoder", BROKEN, "Fault")
    shown = Shown()
    async with decoding(shown, plugins=Plugins()) as say:
        await say(f"I (1) cpu_start: ELF file SHA256:  {'ab' * 8}...")
        await shown_ready(say, shown, "FAULT 42000020")
        notice = await shown.notice("a fault of ours")
    assert "no ELF here has the SHA-256 that the board printed (abab" in notice.text


# --- in the loop -----------------------------------------------------------------------------


GOOD = "  digitalWrite("
BAD = "  if (now_ms > 400) *(volatile int *)4 = 1;  // fault\n  digitalWrite("
HEAD = r"^Store access fault in blink, src/blink\.cpp:{line}$"


def with_fault(text: str) -> tuple[str, int]:
    """The source with a fault in it, and its line."""
    bad = text.replace(GOOD, BAD)
    return bad, next(n for n, row in enumerate(bad.splitlines(), 1) if row.endswith("// fault"))


async def test_a_fault_that_is_typed_in_is_shown_with_its_line(
    tmp_path: Path, virtual_board: Callable[..., ServedBoard]
) -> None:
    project = tmp_path / "hello"
    copy_example(project)
    source = project / "src" / "blink.cpp"
    bad, line = with_fault(source.read_text())
    board, env = virtual_board(), environment(tmp_path)
    async with fbuild("watch", str(project), "--port", board.url, env=env) as watch:
        await watch.see(r"^hello$")
        source.write_text(bad)
        await watch.see(r"^-- flashed app")
        await watch.see(HEAD.format(line=line))
        await watch.see(r"^  a write to 0x00000004: a null pointer$")
        await watch.see(rf"^  #0 .* blink +src/blink\.cpp:{line}$")
        await watch.see(r"^  decoded with build \w+, whose ELF SHA-256 the board printed$")
        watch.signal(signal.SIGTERM)
        assert await watch.ended() == 0
    assert len(KeptElfs(project / ".fbuild" / "elfs").all()) == 2

    # without the loop: by what was flashed, not by what was built since
    source.write_text("\n\n" + bad)
    assert (await run("build", str(project), env=env))[0] == 0
    async with fbuild("console", str(project), "--port", board.url, env=env) as console:
        await console.see(HEAD.format(line=line))

    # and not at all, where the ELF of what runs is gone
    shutil.rmtree(project / ".fbuild" / "elfs")
    async with fbuild("console", str(project), "--port", board.url, env=env) as console:
        await console.see(r"^  not decoded: no ELF here has the SHA-256 that the board printed")


def test_a_project_that_another_program_builds_has_its_elf(tmp_path: Path) -> None:
    folder = tmp_path / "idf"
    (folder / "build").mkdir(parents=True)
    (folder / "CMakeLists.txt").write_text("project(app)\n")
    (folder / "build" / "CMakeCache.txt").write_text(
        f"CMAKE_HOME_DIRECTORY:INTERNAL={folder}\nCMAKE_GENERATOR:INTERNAL=Ninja\n"
    )
    (folder / "build" / "flasher_args.json").write_text('{"flash_files": {}}')
    (folder / "build" / "project_description.json").write_text('{"app_elf": "app.elf"}')
    assert built_elf(load(folder)) == folder / "build" / "app.elf"
