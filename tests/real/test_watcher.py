"""The watcher on real files: nothing is missed, batches are whole, ends are quick."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio
from watchfiles import awatch

from fbuild_watch import watcher
from fbuild_watch.watcher import Changes, watch


@asynccontextmanager
async def watching(
    project: Path, *roots: Path
) -> AsyncIterator[trio.MemoryReceiveChannel[Changes]]:
    send, receive = trio.open_memory_channel[Changes](100)
    async with trio.open_nursery() as nursery:
        await nursery.start(partial(watch, project, lambda: roots, send.send_nowait))
        yield receive
        nursery.cancel_scope.cancel()


async def next_with(receive: trio.MemoryReceiveChannel[Changes], path: Path) -> Changes:
    """The next batch that names `path`."""
    with trio.fail_after(10):
        while True:
            batch = await receive.receive()
            if path in batch:
                return batch


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "main.cpp").write_text("int x;\n")
    return tmp_path


async def test_an_edit_right_after_the_start_is_seen(project: Path) -> None:
    source = project / "src" / "main.cpp"
    async with watching(project, project / "src") as receive:
        source.write_text("int y;\n")
        await next_with(receive, source)


async def test_an_atomic_save_is_seen(project: Path) -> None:
    source = project / "src" / "main.cpp"
    async with watching(project, project / "src") as receive:
        aside = project / "src" / "main.cpp~"
        aside.write_text("int y;\n")
        aside.replace(source)
        await next_with(receive, source)


async def test_the_project_file_is_seen_and_outputs_are_not(project: Path) -> None:
    ini = project / "platformio.ini"
    outputs = project / ".fbuild" / "build"
    outputs.mkdir(parents=True)
    async with watching(project, project / "src") as receive:
        (outputs / "firmware.elf").write_text("x")
        ini.write_text("[env:a]\n")
        batch = await next_with(receive, ini)
        assert not any(".fbuild" in path.parts for path in batch)


async def test_a_file_written_in_pieces_comes_when_it_is_whole(project: Path) -> None:
    source = project / "src" / "main.cpp"
    async with watching(project, project / "src") as receive:
        with source.open("w") as file:
            for number in range(40):
                file.write(f"int x{number};\n")
                file.flush()
                os.fsync(file.fileno())
        while True:
            await next_with(receive, source)
            if receive.statistics().current_buffer_used == 0:
                break
        assert source.read_text().count("\n") == 40


async def test_a_source_folder_that_goes_and_comes_back_is_followed(project: Path) -> None:
    source = project / "src" / "main.cpp"
    async with watching(project, project / "src") as receive:
        shutil.rmtree(project / "src")
        (project / "src").mkdir()
        seen = False
        for number in range(50):  # the first edits may fall between the old and the new watch
            source.write_text(f"int z{number};\n")
            with trio.move_on_after(0.5):
                await next_with(receive, source)
                seen = True
                break
        assert seen


async def test_a_storm_is_few_batches(project: Path) -> None:
    async with watching(project, project / "src") as receive:
        files = [project / "src" / f"f{number}.h" for number in range(2000)]
        for file in files:
            file.write_text("#pragma once\n")
        seen: set[Path] = set()
        batches = 0
        with trio.fail_after(20):
            while not seen.issuperset(files):
                seen |= await receive.receive()
                batches += 1
        assert batches < 100


async def test_a_calm_project_is_looked_at_seldom_and_its_next_edit_is_seen(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started, steps = trio.open_memory_channel[int](100)

    def listening(*folders: Path, step: int, **options: Any) -> Any:
        started.send_nowait(step)
        return awatch(*folders, step=step, **options)

    async def until(step: int) -> None:
        with trio.fail_after(10):
            while await steps.receive() != step:
                pass

    monkeypatch.setattr(watcher, "awatch", listening)
    monkeypatch.setattr(watcher, "CALM_S", 0.2)
    source = project / "src" / "main.cpp"
    async with watching(project, project / "src") as receive:
        for number in range(3):
            await until(watcher.CALM_STEP_MS)
            source.write_text(f"int y{number};\n")
            await next_with(receive, source)
            await until(watcher.STEP_MS)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
@pytest.mark.parametrize("folder", ["src", "."])
async def test_a_name_that_is_no_unicode_ends_no_watch(project: Path, folder: str) -> None:
    source, where = project / "src" / "main.cpp", project / folder
    async with watching(project, project / "src") as receive:
        for text in ("one", "two"):
            (where / os.fsdecode(b"\xff.h")).write_text(text)
            await next_with(receive, where)
            await next_with(receive, project / "src")  # watched anew
            source.write_text(text)
            await next_with(receive, source)


async def test_it_ends_at_once(project: Path) -> None:
    async with watching(project, project / "src"):
        started = trio.current_time()
    assert trio.current_time() - started < 2  # awatch's own timeout is 5 s
