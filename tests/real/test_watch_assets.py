"""A web page in `data/` goes the same way as a source: saved, and on the board."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

from tests.pure.test_image_assets import contents, mounted
from tests.real.conftest import ServedBoard
from tests.real.program import fbuild

STORAGE, SIZE = 0x200000, 0x200000  # of the example's partition table


def files_on(board: ServedBoard) -> dict[str, bytes]:
    return contents(mounted(board.flash(STORAGE, SIZE)))


async def test_a_page_is_flashed_in_the_loop(
    project: Path, env: dict[str, str], virtual_board: Callable[..., ServedBoard]
) -> None:
    board = virtual_board()
    page = project / "data" / "www" / "index.html"
    async with fbuild("watch", str(project), "--port", board.url, env=env) as watch:
        await watch.see(r"flashed bootloader .*, app \d+ sectors? in")
        await watch.see(r"^tick 1$")

        page.parent.mkdir(parents=True)
        page.write_text("<p>one</p>" * 2000)
        await watch.see(r"^-- flashed assets")
        await watch.see(r"^hello$")
        assert files_on(board) == {"www/index.html": b"<p>one</p>" * 2000}

        page.write_text("<p>two</p>" * 2000)
        await watch.see(r"build \w+: nothing to compile")
        await watch.see(r"^-- flashed assets\S* \d+ sectors? in")
        assert files_on(board) == {"www/index.html": b"<p>two</p>" * 2000}

        page.touch()  # nothing new, nothing to do
        await watch.see(r"^tick 2$")
        watch.signal(signal.SIGTERM)
        assert await watch.ended() == 0
        assert watch.text.count("-- flashed") == 3
