"""What a client's environment says counts in all that it asks of the running process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from fbuild_watch import AsyncClient, AsyncDaemon
from fbuild_watch.errors import PortNotFound
from tests.real.conftest import ServedBoard


async def test_a_project_is_read_with_the_variables_of_who_asks(
    project: Path,
    env: dict[str, str],
    tmp_path: Path,
    virtual_board: Callable[..., ServedBoard],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ini = project / "platformio.ini"
    ini.write_text(ini.read_text() + "upload_port = ${sysenv.BOARD}\n")
    board, file = virtual_board(), tmp_path / "read.bin"
    monkeypatch.setenv("BOARD", "/dev/the-process-has-this-one")
    await AsyncDaemon().ensure_running()
    monkeypatch.setenv("BOARD", board.url)
    async with AsyncClient() as client:
        await client.erase(project)
        assert await client.read(0x1000, 16, file, project) == board.url
        assert file.read_bytes() == b"\xff" * 16
        await client.reset(project, bootloader=True)
        await client.reset(project)
        assert board.log.count("reset: ") >= 4

        monkeypatch.setenv("BOARD", "/dev/ttyTHEIRS")
        with pytest.raises(PortNotFound, match="ttyTHEIRS"):
            await client.reset(project)
        monkeypatch.delenv("BOARD")
        with pytest.raises(PortNotFound) as caught:
            await client.reset(project)
        assert "the-process-has-this-one" not in str(caught.value)
