"""Ports that only consoles have: who comes, who goes, and what ends them."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing

from fbuild_watch.cli.crash import as_internal_error
from fbuild_watch.control.connection import Call
from fbuild_watch.control.messages import AttachAsked, CommandAsked
from fbuild_watch.daemon import board as daemon_board
from fbuild_watch.daemon import visitor
from fbuild_watch.daemon.board import Attachment, attach
from fbuild_watch.daemon.boards import Boards, Entered
from fbuild_watch.daemon.requests import Requests
from fbuild_watch.daemon.visitor import Visitor
from fbuild_watch.errors import InvalidRequest, TransferFailed
from fbuild_watch.model import Command

SPEED = 115200


async def talk(
    boards: Boards, port: str, nursery: trio.Nursery
) -> tuple[Visitor, Callable[[], None]]:
    entered: Entered = await nursery.start(boards.talk, port, SPEED, None, as_internal_error)
    board, leave = entered
    assert isinstance(board, Visitor)
    return board, leave


async def closed(boards: Boards, port: str) -> None:
    with trio.fail_after(10):
        while boards.at(port) is not None:
            await trio.sleep(0.01)


async def test_a_defect_ends_the_consoles_of_its_port_and_nothing_else(
    silent_port: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    async def fail(*_arguments: object) -> None:
        raise ZeroDivisionError("oops")

    monkeypatch.setattr(visitor, "obey", fail)
    boards = Boards(lambda: None)
    async with trio.open_nursery() as nursery:
        board, leave = await talk(boards, silent_port, nursery)
        stream, _ = attach(board, AttachAsked("one"), "one", leave)
        board.command(Command("reset"))
        await closed(boards, silent_port)
        with trio.fail_after(10):
            while not stream.source.ended:
                await trio.sleep(0.01)
        assert "(ZeroDivisionError: oops)" in str(stream.source.error)

        _again, leave = await talk(boards, silent_port, nursery)
        leave()
    assert boards.at(silent_port) is None
    assert len([*tmp_path.iterdir()]) == 1  # noqa: ASYNC240


async def test_who_comes_as_it_closes_waits_and_has_it_anew(silent_port: str) -> None:
    boards = Boards(lambda: None)
    async with trio.open_nursery() as nursery:
        for _ in range(10):  # by lot the one or the other is first
            board, leave = await talk(boards, silent_port, nursery)
            assert boards.at(silent_port) is board
            leave()


async def test_a_client_that_types_without_end_is_refused(
    silent_port: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(daemon_board, "MOST_BYTES", 100_000)
    boards = Boards(lambda: None)
    async with trio.open_nursery() as nursery:
        board, leave = await talk(boards, silent_port, nursery)
        stream, _ = attach(board, AttachAsked("one"), "one", leave)
        console = stream.subject
        assert isinstance(console, Attachment)
        console.type(b"x" * 100_000)  # nobody reads at the other end
        with pytest.raises(TransferFailed, match="100,000 bytes wait for the board already"):
            console.type(b"x")
        nursery.cancel_scope.cancel()


async def test_no_client_ends_a_project_by_a_command() -> None:
    process: Any = None
    call = Call(CommandAsked(1, "quit"), "one", lambda _step: None, process)
    with pytest.raises(InvalidRequest, match="leaves by detach"):
        await Requests(process).command(call)


async def test_who_comes_as_the_last_one_leaves_keeps_it_open(silent_port: str) -> None:
    boards = Boards(lambda: None)
    async with trio.open_nursery() as nursery:
        board, leave = await talk(boards, silent_port, nursery)
        leave()
        leave = board.enter()
        await trio.testing.wait_all_tasks_blocked(0.05)
        assert boards.at(silent_port) is board
        stream, _ = attach(board, AttachAsked("two"), "two", leave)
        assert not stream.source.ended
        stream.close()
        await closed(boards, silent_port)
