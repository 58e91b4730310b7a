"""An open port as fbuild uses it: read by the loop and by a thread, in turn."""

from __future__ import annotations

from collections.abc import Callable

import trio

from fbuild_watch.serial.port import Port

LINES = b"".join(b"%06d\n" % number for number in range(20000))


async def read_in_turn(port: Port, say: Callable[[bytes], None], sent: bytes) -> bytes:
    """What `say` sends meanwhile, read by the async and the blocking face in turn."""

    def read_some() -> bytes:
        face = port.blocking()
        face.timeout = 0.001
        data = face.read(5000)
        face.close()  # as esptool does after a failed connect: the port stays open
        return data

    got = bytearray()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.to_thread.run_sync, say, sent)
        with trio.fail_after(20):
            while len(got) < len(sent):
                with trio.move_on_after(0.001):
                    got += await port.receive_some()
                got += await trio.to_thread.run_sync(read_some)
    return bytes(got)
