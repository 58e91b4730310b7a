"""One board as the clients of the process see it: what it says, who types, who borrows its port."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from fbuild_watch.board.port import BoardPort
from fbuild_watch.board.transfer import MOST_BYTES
from fbuild_watch.control.checks import shown
from fbuild_watch.control.messages import AttachAsked, Attached
from fbuild_watch.control.news import Bytes, Item, State, WriterChanged
from fbuild_watch.control.outbox import Stream
from fbuild_watch.daemon import convert
from fbuild_watch.daemon.seat import Seat, Writer
from fbuild_watch.errors import TransferFailed
from fbuild_watch.fanout import LIMIT, Fanout
from fbuild_watch.model import Command, ConsoleItem, Notice

T = TypeVar("T")

Leaves = Callable[[T, str | None], str | None]
"""The build that a board holds, of the result of a visit and of the build that it held before."""


def as_before(_result: object, before: str | None) -> str | None:
    """A visit that writes nothing."""
    return before


def unknown(_result: object, _before: str | None) -> str | None:
    """A visit that may leave anything."""
    return None


def build(build_id: str) -> Callable[[object, str | None], str | None]:
    """A visit that brings this build, and proves it."""
    return lambda _result, _before: build_id


class Board(Protocol):
    """A board of the process: one of a watched project, or one that only a console has."""

    outlet: Outlet

    @property
    def port(self) -> BoardPort:
        """Its way."""

    def command(self, command: Command) -> None:
        """What a console asks for."""

    def tell(self, notice: Notice) -> None:
        """Say something to all who read it."""

    async def lend(self, work: Callable[[BoardPort], Awaitable[T]], *, leaves: Leaves[T]) -> T:
        """Have its port used (`App.lend`)."""


class Attachment:
    """A client's console on a board."""

    def __init__(self, board: Board, writer: Writer, *, may_write: bool) -> None:
        self._board = board
        self._writer = writer
        self._may_write = may_write

    def type(self, data: bytes) -> None:
        """Send to the board; one who may write gets the seat if it is free.

        Raises WriterBusy, and TransferFailed where too much waits for the board already.
        """
        seat, port = self._board.outlet.seat, self._board.port
        if self._may_write and seat.writer is None:
            seat.ask(self._writer, "if-free", None)
        seat.check(self._writer, port.name)
        if port.waiting + len(data) > MOST_BYTES:
            reason = f"{port.waiting:,} bytes wait for the board already"
            raise TransferFailed("what was typed", "raw", reason, "type more when it has them")
        port.type(data)

    def release(self) -> None:
        """Give the seat back."""
        self._board.outlet.seat.leave(self._writer)

    def command(self, command: Command) -> None:
        """Ask for something."""
        self._board.command(command)


class Outlet:
    """What is to be read of a board, by any number of clients, and who writes to it."""

    def __init__(
        self, project: str = "", tell: Callable[[str, Item], None] = lambda _project, _item: None
    ) -> None:
        """`tell` gets every item too, with the project."""
        self.console: Fanout[tuple[str, Item]] = Fanout(convert.weight)
        self.project = project
        self.seat = Seat(lambda name: self.send(WriterChanged(name)))
        self.state: State | None = None
        """The newest."""
        self._tell = tell

    def show(self, shown: ConsoleItem) -> None:
        """An item of the local console."""
        if (item := convert.item(shown)) is not None:
            self.send(item)

    def send(self, item: Item) -> None:
        """To all readers."""
        if isinstance(item, State):
            self.state = item
        self.console.send((self.project, item), keep=not isinstance(item, Bytes))
        self._tell(self.project, item)


def attach(
    board: Board, asked: AttachAsked, client: str, left: Callable[[], None] = lambda: None
) -> tuple[Stream, Attached]:
    """A client's stream of a board; `left` is called when it ends. Raises WriterBusy."""
    outlet, writer = board.outlet, Writer(shown(asked.name) or client)
    wish = "no" if asked.write == "when-typing" else asked.write
    writing = outlet.seat.ask(writer, wish, asked.take_from, board.port.name)
    subscription = outlet.console.subscribe(backlog=asked.backlog, limit=LIMIT)
    if asked.backlog and outlet.state is not None:  # it may be older than the last items
        subscription.put((outlet.project, outlet.state))

    def close() -> None:
        outlet.console.drop(subscription)
        outlet.seat.leave(writer)
        left()

    attachment = Attachment(board, writer, may_write=asked.write != "no")
    stream = Stream(subscription, close, subject=attachment)
    return stream, Attached(0, board.port.name, outlet.seat.name, writing)
