"""esptool's ESPLoader on the blocking face of our RFC 2217 port, against the virtual board."""

from __future__ import annotations

import hashlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio

from fbuild_watch.serial import open_port
from fbuild_watch.serial.port import Port, SerialLike
from fbuild_watch.virtual.board import Board
from fbuild_watch.virtual.cpu import ResetCause
from fbuild_watch.virtual.nor import Nor
from fbuild_watch.virtual.server import BoardServer
from fbuild_watch.virtual.stubs import installed_stubs
from fbuild_watch.virtual.timing import FAST

FLASH = bytes(range(256)) * 16384


class IdleCpu:
    """A CPU that says one line when it starts and does nothing more."""

    reset_requested = None

    def __init__(self) -> None:
        self._output = b""

    def power_on(self, now: float, cause: ResetCause) -> None:
        self._output = b"ready\r\n"

    def take_output(self) -> bytes:
        output, self._output = self._output, b""
        return output

    def run(self, now: float) -> float | None:
        return None

    def load(self, address: int, data: bytes) -> None: ...
    def start(self, entry: int, now: float) -> None: ...
    def receive(self, data: bytes) -> None: ...
    def halt(self) -> None: ...
    def read_word(self, address: int) -> int | None: ...
    def write_word(self, address: int, value: int) -> bool:
        return False


@asynccontextmanager
async def board_port() -> AsyncIterator[Port]:
    board = Board(
        IdleCpu(),
        Nor(bytearray(FLASH)),
        timing=FAST,
        mac=bytes.fromhex("7cdfa1000001"),
        stubs=installed_stubs("esp32c3"),
    )
    server = BoardServer(board)
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    number = listeners[0].socket.getsockname()[1]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(server.run)
        nursery.start_soon(trio.serve_listeners, server.serve, listeners)
        port = await open_port(f"rfc2217://127.0.0.1:{number}", 115200)
        try:
            yield port
        finally:
            await port.aclose()
            nursery.cancel_scope.cancel()


async def wait_for_boot(port: Port) -> None:
    seen = b""
    with trio.fail_after(5):
        while b"ready" not in seen:
            seen += await port.receive_some()


def ask_digest(face: SerialLike) -> tuple[str, str, float]:
    """Connect, run the stub, take the digest of the whole flash, reset; seconds without the reset."""
    from esptool.cmds import detect_chip

    start = time.monotonic()
    loader = detect_chip(face)
    stub = loader.run_stub()
    stub.change_baud(460800)
    digest = stub.flash_md5sum(0, len(FLASH))
    seconds = time.monotonic() - start
    face.baudrate = 115200  # what the firmware speaks
    stub.hard_reset()
    return loader.CHIP_NAME, digest, seconds


async def test_esptool_works_on_the_lent_port_and_the_console_sees_the_boot() -> None:
    async with board_port() as port:
        await port.reset()
        await wait_for_boot(port)
        chip, digest, seconds = await trio.to_thread.run_sync(ask_digest, port.blocking())
        assert chip == "ESP32-C3"
        assert digest == hashlib.md5(FLASH).hexdigest()
        assert seconds < 10  # pyserial's client: 0.2 s for every command
        await port.set_baud(115200)
        await wait_for_boot(port)
