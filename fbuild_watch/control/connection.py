"""One client of the running process: its requests, what is under way for it, and its end.

Rules
- `hello` comes first, soon and short; whoever does not show that it is the user hears so and is out.
- Every request has a task. The end of the client, or its `cancel`, cancels what it asked for; a
  flash that has begun to write runs on to its proof, for nothing in it can be cancelled.
- A frame that is no request gets an error; one too long gets an error and the end.
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import trio
from msgspec import Struct

from fbuild_watch.control import checks, frames, protocol
from fbuild_watch.control.listen import close_orderly, end_at_once
from fbuild_watch.control.messages import PROTOCOL, Hello, Welcome
from fbuild_watch.control.news import Cancel, Progress, Step
from fbuild_watch.control.outbox import Outbox, Stream
from fbuild_watch.control.peer import peer_uid
from fbuild_watch.control.protocol import Id, Notice, Request
from fbuild_watch.errors import ControlRefused, FbuildError, InvalidRequest, VersionSkew

HELLO_S = 5.0
"""Seconds that a client has to say who it is."""

MOST_AT_ONCE = 64
"""Requests under way for one client, and streams that it has."""

_CHUNK = 65536
_LAST_WORDS_S = 1.0


@dataclass(frozen=True, slots=True)
class Secrets:
    """What a client has to be, or to know."""

    welcome: Welcome
    token: str | None = None
    """None: the peer's uid is asked of the kernel."""
    step_down: Callable[[Hello], bool] = lambda _hello: False
    """Asked when a client of another protocol has come: whether we end for it."""


@dataclass(slots=True)
class Call:
    """A request, as its handler sees it."""

    params: Any
    client: str
    """Who asks, in words."""
    progress: Callable[[Step], None]
    streams: Outbox
    opened: list[Stream] = field(default_factory=list)

    def open(self, stream: Stream) -> int:
        """Begin a stream: its items follow the answer. Raises InvalidRequest, and closes it then."""
        if len(self.streams) >= MOST_AT_ONCE:
            stream.close()
            raise InvalidRequest(f"more than {MOST_AT_ONCE} streams", protocol.INVALID_REQUEST)
        self.opened.append(stream)
        return self.streams.number(stream)

    def stream(self, number: int) -> Stream:
        """An open stream of this client. Raises InvalidRequest."""
        found = self.streams.stream(number)
        if found is None:
            raise InvalidRequest(f"there is no stream {number}", protocol.INVALID_PARAMS)
        return found


Handler = Callable[[Call], Awaitable[Struct | Any]]
"""Carries out a request; returns its result, or raises FbuildError."""


class Connection:
    """A client, from its first byte to its last."""

    def __init__(
        self,
        stream: trio.SocketStream,
        handlers: Mapping[str, Handler],
        secrets: Secrets,
        defect: Callable[[Exception], FbuildError],
        admit: Callable[[Connection], None],
    ) -> None:
        """`admit` is called when the client has shown that it is the user; may raise ControlRefused."""
        self.client = ""
        """Who it says it is; empty before `hello`."""
        self._stream = stream
        self._handlers = handlers
        self._secrets = secrets
        self._defect = defect
        self._admit = admit
        self._frames = frames.FrameReader(first=frames.HELLO_LIMIT)
        self._waiting: list[bytes] = []
        self._outbox = Outbox(stream)
        self._under_way: dict[Id, trio.CancelScope] = {}

    async def run(self) -> None:
        """Until the client goes, or has to. Raises nothing of the client's making."""
        end_at_once(self._stream)
        try:
            await self._serve()
        except* (trio.BrokenResourceError, trio.ClosedResourceError):
            pass  # gone, in whatever way
        finally:
            self._outbox.close_all()
            with trio.CancelScope(shield=True):
                await self._send_last_answers()
                await close_orderly(self._stream)

    def drop(self) -> None:
        """End it, without a word."""
        self._stream.socket.close()

    async def _send_last_answers(self) -> None:
        """The one to `shutdown`, for instance."""
        with (
            suppress(trio.BrokenResourceError, trio.ClosedResourceError),
            trio.move_on_after(_LAST_WORDS_S),
        ):
            await self._outbox.flush()

    async def _serve(self) -> None:
        try:
            await self._greet()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._outbox.run)
                try:
                    await self._read_requests(nursery)
                finally:
                    nursery.cancel_scope.cancel()
        except* FbuildError as group:
            await self._say_goodbye(group.exceptions[0])

    async def _say_goodbye(self, error: BaseException) -> None:
        """The last answer: why this is the end."""
        assert isinstance(error, FbuildError)
        with trio.move_on_after(_LAST_WORDS_S, shield=True):
            await self._outbox.flush()
            await self._stream.send_all(protocol.write_failure(None, error))
            await self._stream.send_eof()
            while await self._stream.receive_some(_CHUNK):
                pass  # closing with unread data would reset the connection, and lose the words

    # -- reading ------------------------------------------------------------------------

    async def _next_frame(self) -> bytes | None:
        """None: the client has ended. Raises InvalidRequest for a frame too long."""
        while not self._waiting:
            data = await self._stream.receive_some(_CHUNK)
            if not data:
                return None
            self._waiting = self._frames.feed(data)
        return self._waiting.pop(0)

    async def _greet(self) -> None:
        with trio.move_on_after(HELLO_S):
            frame = await self._next_frame()
            if frame is None:
                raise trio.BrokenResourceError
            await self._check_hello(frame)
            return
        raise ControlRefused("it did not say hello")

    async def _check_hello(self, frame: bytes) -> None:
        request = protocol.read_call(frame)
        if not isinstance(request, Request) or not isinstance(request.params, Hello):
            raise ControlRefused("the first request is not hello")
        self._authorize(request.params)
        welcome = self._secrets.welcome
        if request.params.protocol != PROTOCOL:
            stepping_down = self._secrets.step_down(request.params)
            error = VersionSkew(
                request.params.version, welcome.version, stepping_down=stepping_down
            )
            await self._stream.send_all(protocol.write_failure(request.id, error))
            raise trio.BrokenResourceError
        self.client = checks.shown(request.params.name) or "somebody"
        self._admit(self)
        await self._outbox.answer(protocol.write_reply(request.id, welcome))

    def _authorize(self, hello: Hello) -> None:
        """Raises ControlRefused. The token is compared in constant time."""
        if self._secrets.token is not None:
            if not hmac.compare_digest(hello.token.encode(), self._secrets.token.encode()):
                raise ControlRefused("the token is wrong")
        elif (uid := peer_uid(self._stream.socket)) != os.geteuid():
            raise ControlRefused(f"uid {uid} is not its user")

    async def _read_requests(self, nursery: trio.Nursery) -> None:
        while (frame := await self._next_frame()) is not None:
            try:
                message = protocol.read_call(frame)
            except protocol.Refused as error:
                await self._outbox.answer(protocol.write_failure(error.id, error))
                continue
            if isinstance(message, Notice):
                self._cancel(message.params)
            elif refusal := self._refusal(message):
                await self._outbox.answer(protocol.write_failure(message.id, refusal))
            else:
                scope = self._under_way[message.id] = trio.CancelScope()
                nursery.start_soon(self._carry_out, message, scope)

    def _refusal(self, request: Request) -> InvalidRequest | None:
        invalid = protocol.INVALID_REQUEST
        if len(self._under_way) >= MOST_AT_ONCE:
            return InvalidRequest(f"more than {MOST_AT_ONCE} requests at once", invalid)
        if request.id in self._under_way:
            return InvalidRequest(f"request {request.id!r} is under way already", invalid)
        if request.method not in self._handlers:
            return InvalidRequest(f"{request.method} has no place here", invalid)
        return None

    def _cancel(self, notice: Any) -> None:
        if isinstance(notice, Cancel) and (scope := self._under_way.get(notice.id)):
            scope.cancel()

    # -- carrying out -------------------------------------------------------------------

    async def _carry_out(self, request: Request, scope: trio.CancelScope) -> None:
        def progress(step: Step) -> None:
            self._outbox.progress(protocol.write_notice(Progress(request.id, step)))

        call = Call(request.params, self.client, progress, self._outbox)
        frame = b""
        try:
            with scope:
                frame = await self._result(request, call)
            await self._answer(frame or protocol.write_failure(request.id, _cancelled()))
        except BaseException:
            frame = b""
            raise
        finally:
            del self._under_way[request.id]
            for stream in call.opened:
                self._outbox.open(stream) if frame else stream.close()

    async def _answer(self, frame: bytes) -> None:
        """However slowly the client reads; when we are ending, it has no more than a moment."""
        try:
            await self._outbox.answer(frame)
        except trio.Cancelled:
            with trio.move_on_after(_LAST_WORDS_S, shield=True):
                await self._outbox.answer(frame)
            raise

    async def _result(self, request: Request, call: Call) -> bytes:
        try:
            result = await self._handlers[request.method](call)
            return protocol.write_reply(request.id, result)
        except FbuildError as error:
            return protocol.write_failure(request.id, error)
        except Exception as error:
            return protocol.write_failure(request.id, self._defect(error))


def _cancelled() -> FbuildError:
    return InvalidRequest("it was cancelled", protocol.INVALID_REQUEST)
