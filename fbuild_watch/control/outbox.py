"""What waits to be sent to one client: progress, answers, streams. In this order, so that an answer
comes after its progress, and the first item of a stream after the answer that opened it.

Rules
- An answer waits for its turn (that slows down only who asked). Everything else never waits: the
  oldest progress is dropped, a stream loses its oldest items and says how many.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import trio

from fbuild_watch.control import protocol
from fbuild_watch.control.news import Item, StreamEnded, StreamItem, StreamLost
from fbuild_watch.control.wire_errors import to_wire
from fbuild_watch.errors import FbuildError
from fbuild_watch.fanout import Subscription

BATCH = 64 * 1024
"""Bytes that are put together for one write."""

_ANSWERS, _PROGRESS = 16, 1000


@dataclass(eq=False, slots=True)
class Stream:
    """Items for one client, until it goes, detaches, or the source ends."""

    source: Subscription[tuple[str, Item]]
    """Items with the project that they are of."""
    close: Callable[[], None]
    """Called once, when nobody reads any more."""
    subject: Any = None
    """What the service knows it by: `write` and `command` need it."""
    id: int = field(default=0)


class Outbox:
    """One client's. `run` sends; all else may be called at any time."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self._stream = stream
        self._progress: deque[bytes] = deque(maxlen=_PROGRESS)
        self._answer, self._answers = trio.open_memory_channel[bytes](_ANSWERS)
        self._streams: dict[int, Stream] = {}
        self._wake = trio.Event()
        self._last_id = 0
        self._rest = memoryview(b"")

    async def answer(self, frame: bytes) -> None:
        """Wait until there is room for an answer."""
        await self._answer.send(frame)
        self._wake.set()

    def progress(self, frame: bytes) -> None:
        """Send when there is time."""
        self._progress.append(frame)
        self._wake.set()

    def number(self, stream: Stream) -> int:
        """Give a stream its number, which its answer tells."""
        self._last_id += 1
        stream.id = self._last_id
        return stream.id

    def open(self, stream: Stream) -> None:
        """Send a stream's items from now on."""
        self._streams[stream.id] = stream
        stream.source.wake = lambda: self._wake.set()
        self._wake.set()

    def __len__(self) -> int:
        """How many streams are open."""
        return len(self._streams)

    def stream(self, number: int) -> Stream | None:
        """An open stream."""
        return self._streams.get(number)

    def close(self, number: int) -> None:
        """Send no more of a stream."""
        if stream := self._streams.pop(number, None):
            stream.close()

    def close_all(self) -> None:
        """The client is gone."""
        for number in tuple(self._streams):
            self.close(number)

    async def run(self) -> None:
        """Send until cancelled. Raises trio.BrokenResourceError when the client is gone."""
        while True:
            self._wake = trio.Event()
            while batch := self._take(BATCH):
                await self._send(batch)
            await self._wake.wait()

    async def flush(self) -> None:
        """After `run`: send the rest of what it has begun, and the answers that wait; no more."""
        await self._send(self._rest)
        while batch := self._take_answers(math.inf):
            await self._send(batch)

    async def _send(self, data: bytes | memoryview) -> None:
        """As `send_all`, but what is not sent when it is cancelled is kept."""
        self._rest = memoryview(data)
        try:
            while self._rest:
                sent = await self._stream.socket.send(self._rest)
                self._rest = self._rest[sent:]
        except OSError as error:
            raise trio.BrokenResourceError from error

    def _take(self, most: float) -> bytes:
        return self._take_answers(most) or self._take_items(most)

    def _take_answers(self, most: float) -> bytes:
        batch = bytearray()
        while self._progress and len(batch) < most:
            batch += self._progress.popleft()
        while not self._progress and len(batch) < most:
            try:
                batch += self._answers.receive_nowait()
            except trio.WouldBlock:
                break
        return bytes(batch)

    def _take_items(self, most: float) -> bytes:
        """A piece of each stream in turn, so that a busy one does not starve the others."""
        batch = bytearray()
        for stream in tuple(self._streams.values()):
            share = len(batch) + most / len(self._streams)
            while len(batch) < share and (taken := stream.source.take()) is not None:
                lost, (project, item) = taken
                if lost:
                    batch += protocol.write_notice(StreamLost(stream.id, lost))
                batch += protocol.write_notice(StreamItem(stream.id, item, project))
            if len(batch) < share and stream.source.ended:
                batch += self._end(stream)
        return bytes(batch)

    def _end(self, stream: Stream) -> bytes:
        error = stream.source.error
        self.close(stream.id)
        wire = to_wire(error) if isinstance(error, FbuildError) else None
        return protocol.write_notice(StreamEnded(stream.id, wire))
