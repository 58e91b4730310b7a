"""A console here, the board in the running process: what `fbuild attach` and `fbuild console` are
when there is one.

The console is any of ours; it cannot tell this from a loop of its own.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from contextlib import closing
from typing import TypeVar

import trio
from msgspec import Struct

from fbuild_watch.api.exchange import Exchange, Wire, drive
from fbuild_watch.control import messages
from fbuild_watch.control.locate import Located
from fbuild_watch.control.messages import AttachAsked, Attached
from fbuild_watch.control.news import (
    Bytes,
    Item,
    Said,
    State,
    StreamEnded,
    StreamItem,
    StreamLost,
    Text,
    WriterChanged,
)
from fbuild_watch.control.wire_errors import from_wire
from fbuild_watch.errors import ControlLost, FbuildError, NotRunning
from fbuild_watch.feed import Feed
from fbuild_watch.model import (
    Command,
    ConsoleInput,
    ConsoleItem,
    DeviceBytes,
    DeviceText,
    InputEnded,
    Notice,
    Typed,
)
from fbuild_watch.model import Status as StatusLine
from fbuild_watch.system.epoch import from_epoch

T = TypeVar("T")

Console = Callable[
    ["trio.MemoryReceiveChannel[ConsoleItem]", "trio.MemorySendChannel[ConsoleInput]"],
    Awaitable[None],
]

_CHUNK = 65536
_LAST_WORDS_S = 1.0
"""How long the running process may take to be told what was typed last."""


async def talk(located: Located, asked: AttachAsked, console: Console) -> None:
    """Connect `console` to a board of the running process until the console returns.

    The end of the process is said, and ends it. Raises what the console raises, WriterBusy,
    PortError, ControlError.
    """
    async with await _connect(located) as stream:
        remote = _Remote(stream, asked.name)
        await remote.run(remote.wire.hello(located.token, asked.name))
        attached = await remote.run(remote.wire.request("attach", asked, Attached))
        feed = Feed()
        enter, inputs = trio.open_memory_channel[ConsoleInput](math.inf)
        feed.tell(_greeting(attached, located.pid))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(remote.show, feed)
            obeyed = trio.Event()
            nursery.start_soon(remote.obey, inputs, attached.stream, obeyed)
            await console(feed.items, enter)
            enter.close()
            with trio.move_on_after(_LAST_WORDS_S):
                await obeyed.wait()
            nursery.cancel_scope.cancel()


async def _connect(located: Located) -> trio.SocketStream:
    sock = trio.socket.from_stdlib_socket(located.endpoint.make_socket())
    try:
        await sock.connect(located.endpoint.address)
    except OSError as error:
        sock.close()
        raise NotRunning(f"pid {located.pid} does not answer: {error.strerror}") from error
    return trio.SocketStream(sock)


class _Remote:
    """The connection."""

    def __init__(self, stream: trio.SocketStream, name: str) -> None:
        self.wire = Wire()
        self._name = name
        self._stream = stream

    async def run(self, exchange: Exchange[T]) -> T:
        """Run an exchange. Raises what it raises, ControlLost."""
        return await drive(exchange, self._satisfy)

    async def _satisfy(self, need: bytes | None) -> bytes:
        try:
            if need is None:
                return await self._stream.receive_some(_CHUNK)
            await self._stream.send_all(need)
        except trio.BrokenResourceError as error:
            raise ControlLost("the connection broke") from error
        return b""

    async def show(self, feed: Feed) -> None:
        """Pass on what comes, until nothing more does."""
        with closing(feed):
            while True:
                try:
                    news = await self.run(self.wire.news())
                except ControlLost:
                    feed.tell(Notice("the running fbuild has ended", "bad"))
                    return
                except FbuildError as error:  # what was typed was refused
                    feed.tell(Notice(f"not sent: {error}\n{error.hint}", "bad"))
                    continue
                for item in self._items(news):
                    feed.put(item)
                if isinstance(news, StreamEnded):
                    return

    def _items(self, news: StreamItem | StreamLost | StreamEnded) -> list[ConsoleItem]:
        match news:
            case StreamItem(item=WriterChanged(writer)) if writer in (None, self._name):
                return []
            case StreamItem(item=item):
                shown = _item(item)
                return [shown] if shown else []
            case StreamLost(count=count):
                return [Notice(f"{count} items were lost: this terminal was too slow", "bad")]
            case StreamEnded(error=error):
                why = f": {from_wire(error)}" if error else ""
                return [Notice(f"the board is read no more{why}", "bad")]

    async def obey(
        self, inputs: trio.MemoryReceiveChannel[ConsoleInput], stream: int, obeyed: trio.Event
    ) -> None:
        """Pass on what a person does. A refusal comes back among the news."""
        async for given in inputs:
            match given:
                case Typed(data):
                    await self._post("write", messages.WriteAsked(stream, data))
                case Command(name, arguments) if name != "quit":
                    asked = messages.CommandAsked(stream, name, list(arguments))
                    await self._post("command", asked)
                case InputEnded():
                    await self._post("release", messages.StreamAsked(stream))
        obeyed.set()

    async def _post(self, method: str, params: Struct) -> None:
        await self._satisfy(self.wire.post(method, params))


def _greeting(attached: Attached, pid: int) -> Notice:
    text = f"attached to pid {pid}"
    if not attached.writing and attached.writer is not None:
        text += f"; {attached.writer} is writing: --take takes over"
    return Notice(text)


def _item(item: Item) -> ConsoleItem | None:
    match item:
        case Bytes(data, at):
            return DeviceBytes(data, from_epoch(at))
        case Text(text, complete, at):
            return DeviceText(text, complete, from_epoch(at))
        case Said(text, kind, proven):
            return Notice(text, kind, proven)
        case State() as now:
            return StatusLine(now.status, now.chip, now.port, now.baud, now.took, now.errors)
        case WriterChanged(writer):
            return Notice(f"{writer} is writing to the board now")
    return None
