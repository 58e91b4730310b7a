"""The server and whoever connects: real sockets, handlers of the test's own."""

from __future__ import annotations

import errno
import hmac
import math
import os
import socket
import stat
import subprocess
import sys
import tempfile
import timeit
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import trio
import trio.lowlevel
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fbuild_watch.control import connection, endpoint, listen, messages, news, protocol, server
from fbuild_watch.control.connection import Call
from fbuild_watch.control.endpoint import SOCKET, TOKEN
from fbuild_watch.control.listen import listening
from fbuild_watch.control.messages import Nothing
from fbuild_watch.control.news import Said, StreamEnded, StreamItem, StreamLost
from fbuild_watch.control.outbox import Stream
from fbuild_watch.control.protocol import Failure, Notice, Reply
from fbuild_watch.errors import (
    ControlRefused,
    EndpointInUse,
    InternalError,
    InvalidRequest,
    PortBusy,
    RuntimeFolderUnsafe,
    VersionSkew,
)
from fbuild_watch.fanout import Fanout, Subscription
from tests.real.control_kit import Bare, Served, connected, served

KINDS = pytest.mark.parametrize("kind", ["unix", "tcp"])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "run"


async def status(_call: Call) -> Nothing:
    return Nothing()


async def broken(_call: Call) -> Nothing:
    raise ZeroDivisionError("oops")


async def busy(_call: Call) -> Nothing:
    raise PortBusy("/dev/x", 7, "screen")


HANDLERS = {"status": status, "build": broken, "ports": busy}


# --- who may come in -----------------------------------------------------------------------


@KINDS
async def test_requests_and_errors(folder: Path, kind: str) -> None:
    async with served(folder, HANDLERS, kind) as running, connected(running.located) as client:
        assert running.server.clients == ["a test"]
        await client.ask("x", "status")
        assert await client.receive() == Reply("x", b"{}")
        await client.ask(1, "ports")
        answer = await client.receive()
        assert isinstance(answer.error, PortBusy)
        await client.ask(2, "build", messages.BuildAsked("/p"))
        answer = await client.receive()
        assert isinstance(answer.error, InternalError)
        await client.ask(3, "flash", messages.FlashAsked())
        answer = await client.receive()
        assert isinstance(answer.error, InvalidRequest)  # nobody carries it out here


def left_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


async def test_the_sockets_and_the_token_are_the_users_alone(folder: Path) -> None:
    async with served(folder, {}, "unix"):
        assert stat.S_IMODE((folder / SOCKET).stat().st_mode) == 0o600
    assert left_in(folder) == []
    async with served(folder, {}, "tcp") as running:
        assert stat.S_IMODE((folder / TOKEN).stat().st_mode) == 0o600
        assert len(running.located.token) >= 43  # 256 bits
    assert left_in(folder) == []


@pytest.mark.parametrize("token", ["", "wrong", "é"])
async def test_a_wrong_token_is_refused(folder: Path, token: str) -> None:
    async with (
        served(folder, HANDLERS, "tcp") as running,
        connected(running.located, hello=False) as client,
    ):
        await client.ask(0, "hello", messages.Hello(1, "0", "evil", token))
        answer = await client.receive()
        assert isinstance(answer.error, ControlRefused)
        assert await client.receive() is None


async def test_a_wrong_token_is_refused_in_constant_time(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the one comparison that is made for it; how long that takes is printed."""
    compared: list[tuple[bytes, bytes]] = []

    def compare(given: bytes, ours: bytes) -> bool:
        compared.append((given, ours))
        return hmac.compare_digest(given, ours)

    monkeypatch.setattr(connection, "hmac", SimpleNamespace(compare_digest=compare))
    async with served(folder, HANDLERS, "tcp") as running:
        token = running.located.token
        wrong = [
            other + token[1:] if at == 0 else token[:-1] + other
            for at, other in ((0, "~"), (1, "~"))
        ]
        for given in wrong:
            async with connected(running.located, hello=False) as client:
                await client.ask(0, "hello", messages.Hello(1, "0", "evil", given))
                assert isinstance((await client.receive()).error, ControlRefused)
    assert compared == [(given.encode(), token.encode()) for given in wrong]
    first, last = (
        min(timeit.repeat(partial(hmac.compare_digest, *pair), number=2000, repeat=50))
        for pair in compared
    )
    with capsys.disabled():
        print(
            f"\n    a token wrong in its last character takes {last / first:.3f} of one in its first"
        )


async def test_another_user_is_refused_by_the_kernels_word(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "peer_uid", lambda _sock: 4242)
    async with (
        served(folder, HANDLERS) as running,
        connected(running.located, hello=False) as client,
    ):
        await client.ask(0, "hello", messages.Hello(1, "0", "evil"))
        answer = await client.receive()
        assert isinstance(answer.error, ControlRefused)
        assert "4242" in str(answer.error)


AS_NOBODY = """
import os, socket, sys
os.setgroups([]); os.setgid(65534); os.setuid(65534)
where = socket.socket(socket.AF_UNIX)
try:
    where.connect(sys.argv[1])
    where.sendall(b'{"jsonrpc":"2.0","id":0,"method":"hello","params":{"protocol":1,'
                  b'"version":"0","name":"nobody"}}\\n')
    print(where.recv(4096).decode())
except PermissionError:
    print("the kernel refused")
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
@pytest.mark.parametrize("opened", [False, True])
async def test_nobody_cannot_connect(opened: bool) -> None:
    """The folder keeps others out; were it open, the kernel's word on the peer would."""
    with tempfile.TemporaryDirectory(prefix="fbuild-open-") as above:
        folder = Path(above) / "run"  # tmp_path is in folders that keep others out, as pytest's
        folder.parent.chmod(0o755)
        async with served(folder, HANDLERS):
            for path in (folder, folder / SOCKET) if opened else ():
                path.chmod(0o777)
            done = await trio.run_process(
                [sys.executable, "-c", AS_NOBODY, str(folder / SOCKET)], capture_stdout=True
            )
    said = done.stdout.decode()
    assert ("control-refused" in said) if opened else ("the kernel refused" in said), said


async def test_hello_comes_first_and_soon(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "HELLO_S", 0.05)
    async with served(folder, HANDLERS) as running:
        async with connected(running.located, hello=False) as client:
            await client.ask(1, "status")
            assert isinstance((await client.receive()).error, ControlRefused)
        async with connected(running.located, hello=False) as client:
            assert isinstance((await client.receive()).error, ControlRefused)
            assert await client.receive() is None


async def test_silent_connections_keep_nobody_out(folder: Path) -> None:
    """More of them than there are places for clients, as another user of this machine may open."""
    async with served(folder, HANDLERS, "tcp") as running, AsyncExitStack() as stack:
        silent = []
        for _ in range(server.MOST + server.MOST_STRANGERS):
            silent.append(await stack.enter_async_context(connected(running.located, hello=False)))
        owner = await stack.enter_async_context(connected(running.located))
        await owner.ask(1, "status")
        assert await owner.receive() == Reply(1, b"{}")
        for first in silent[: server.MOST]:
            with suppress(trio.BrokenResourceError):
                assert await first.receive() is None
        assert running.server.clients == ["a test"]


async def test_a_client_without_a_place_is_told(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "MOST", 1)
    async with served(folder, HANDLERS) as running:
        hello = messages.Hello(messages.PROTOCOL, "0.0.0", "")
        async with connected(running.located, hello=False) as first:
            await first.ask(0, "hello", hello)
            assert isinstance(await first.receive(), Reply)
            assert running.server.clients == ["somebody"]
            async with connected(running.located, hello=False) as second:
                await second.ask(0, "hello", hello)
                assert "1 clients are connected" in str((await second.receive()).error)


async def test_another_protocol_is_said(folder: Path) -> None:
    async with (
        served(folder, HANDLERS) as running,
        connected(running.located, hello=False) as client,
    ):
        await client.ask(0, "hello", messages.Hello(99, "9.9", "future"))
        answer = await client.receive()
        assert isinstance(answer.error, VersionSkew)
        assert answer.error.fields() == {
            "ours": "9.9",
            "theirs": "0.0.0",
            "stepping_down": False,
        }


# --- bad frames ----------------------------------------------------------------------------


async def test_bad_frames_are_answered_and_the_connection_lives(folder: Path) -> None:
    async with served(folder, HANDLERS) as running, connected(running.located) as client:
        for frame in (b"{", b"[]", b"\xff", b'{"jsonrpc":"2.0","id":1,"method":"no"}'):
            await client.send(frame + b"\n")
            assert isinstance(await client.receive(), Failure)
        await client.ask(5, "status")
        assert await client.receive() == Reply(5, b"{}")


async def flood(client: Bare) -> None:
    while True:
        await client.send(b"x" * 65536)


async def test_a_frame_too_long_is_answered_and_ends_the_connection(folder: Path) -> None:
    async with served(folder, HANDLERS) as running:
        async with connected(running.located) as client:
            with pytest.raises(trio.BrokenResourceError):
                await flood(client)
        async with connected(running.located) as client:
            await client.send(b"x" * (1 << 20) + b"yz")
            answer = await client.receive()
            assert "longer than" in str(answer.error)
            assert await client.receive() is None
        async with connected(running.located) as client:
            await client.ask(5, "status")
            assert await client.receive() == Reply(5, b"{}")


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.binary(max_size=200)
        | st.sampled_from([b'{"jsonrpc":"2.0","id":1,"method":"status"}', b"{}", b"\n"]),
        max_size=8,
    ),
    st.booleans(),
)
def test_fuzzed_connections_do_no_harm(folder: Path, pieces: list[bytes], hello: bool) -> None:
    async def fuzz() -> None:
        with trio.fail_after(20):
            async with served(folder, HANDLERS) as running:
                async with connected(running.located, hello=hello) as client:
                    for piece in pieces:
                        try:
                            await client.send(piece + b"\n")
                        except trio.BrokenResourceError:
                            break
                async with connected(running.located) as client:
                    await client.ask(1, "status")
                    assert await client.receive() == Reply(1, b"{}")
                    await _wait_until(lambda: running.server.clients == ["a test"])

    trio.run(fuzz)


async def _wait_until(true: Callable[[], bool]) -> None:
    with trio.fail_after(10):
        while not true():
            await trio.sleep(0.002)


# --- cancelling ----------------------------------------------------------------------------


class Slow:
    """A handler that says when it begins and how it ends."""

    def __init__(self) -> None:
        self.began = trio.Event()
        self.cancelled = trio.Event()

    async def __call__(self, call: Call) -> Nothing:
        self.began.set()
        call.progress(news.StepBuilt("began"))
        try:
            await trio.sleep_forever()
        finally:
            self.cancelled.set()
        return Nothing()


async def test_a_clients_death_cancels_what_it_asked_for(folder: Path) -> None:
    slow = Slow()
    async with served(folder, {"flash": slow}) as running:
        async with connected(running.located) as client:
            await client.ask(1, "flash", messages.FlashAsked())
            await slow.began.wait()
        with trio.fail_after(5):
            await slow.cancelled.wait()
            await _wait_until(lambda: not running.server.clients)


async def test_cancel_ends_one_request_and_says_so(folder: Path) -> None:
    slow = Slow()
    async with (
        served(folder, {"flash": slow, "status": status}) as running,
        connected(running.located) as client,
    ):
        await client.ask(1, "flash", messages.FlashAsked())
        progress = await client.receive()
        assert progress == Notice(news.Progress(1, news.StepBuilt("began")))
        await client.ask(1, "status")
        assert "under way" in str((await client.receive()).error)
        await client.send(protocol.write_notice(news.Cancel(1)))
        assert "cancelled" in str((await client.receive()).error)
        await client.ask(1, "status")
        assert await client.receive() == Reply(1, b"{}")


async def test_too_many_requests_are_refused(folder: Path) -> None:
    slow = Slow()
    async with served(folder, {"flash": slow}) as running, connected(running.located) as client:
        for number in range(connection.MOST_AT_ONCE):
            await client.ask(number, "flash", messages.FlashAsked())
            assert isinstance(await client.receive(), Notice)
        await client.ask("one more", "flash", messages.FlashAsked())
        assert isinstance((await client.receive()).error, InvalidRequest)


async def test_no_answer_is_lost_to_a_client_that_is_stopped(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "_LAST_WORDS_S", 0.02)
    ready = 0

    async def logs(_call: Call) -> messages.Logs:
        nonlocal ready
        ready += 1
        return messages.Logs(None, ["x" * 200_000])

    async with served(folder, {"logs": logs}) as running, connected(running.located) as client:
        for number in range(40):
            await client.ask(number, "logs", messages.LogsAsked())
        await _wait_until(lambda: ready == 40)
        await trio.sleep(0.2)  # as long as it is stopped: ten times what the others wait at the end
        with trio.fail_after(20):
            answers = [await client.receive() for _ in range(40)]
    assert sorted(answer.id for answer in answers) == list(range(40))


# --- streams -------------------------------------------------------------------------------


class Source:
    """Streams of one fan-out."""

    def __init__(self, limit: int) -> None:
        self.fanout: Fanout[tuple[str, news.Item]] = Fanout(lambda sent: 1 + len(sent[1].text))  # type: ignore[union-attr]
        self.limit = limit
        self.open = 0
        self.subscriptions: list[Subscription[tuple[str, messages.Item]]] = []

    async def events(self, call: Call) -> messages.Opened:
        subscription = self.fanout.subscribe(backlog=2, limit=self.limit)
        self.subscriptions.append(subscription)
        self.open += 1

        def close() -> None:
            self.fanout.drop(subscription)
            self.open -= 1

        return messages.Opened(call.open(Stream(subscription, close)))

    async def detach(self, call: Call) -> Nothing:
        call.stream(call.params.stream)
        call.streams.close(call.params.stream)
        return Nothing()

    @property
    def handlers(self) -> dict[str, connection.Handler]:
        return {"events": self.events, "detach": self.detach}


async def test_a_stream_from_its_backlog_to_its_end(folder: Path) -> None:
    source = Source(10_000)
    for number in range(5):
        source.fanout.send(("/p", Said(f"early {number}")))
    async with (
        served(folder, source.handlers) as running,
        connected(running.located) as client,
    ):
        await client.ask(1, "events")
        assert await client.receive() == Reply(1, b'{"stream":1}')
        seen = [(await client.receive()).params.item.text for _ in range(2)]
        assert seen == ["early 3", "early 4"]
        source.fanout.send(("/p", Said("late")))
        assert (await client.receive()).params == StreamItem(1, Said("late"), "/p")
        source.fanout.end(PortBusy("/dev/x"))
        ended = (await client.receive()).params
        assert isinstance(ended, StreamEnded)
        assert ended.error is not None
        assert ended.error.code == "port-busy"
        assert source.open == 0


async def test_a_client_has_so_many_streams(folder: Path) -> None:
    source = Source(10_000)
    async with served(folder, source.handlers) as running, connected(running.located) as client:
        for number in range(connection.MOST_AT_ONCE):
            await client.ask(number, "events")
            assert isinstance(await client.receive(), Reply)
        await client.ask("one more", "events")
        assert "more than 64 streams" in str((await client.receive()).error)
        assert source.open == connection.MOST_AT_ONCE
        await client.ask("one less", "detach", messages.StreamAsked(1))
        assert isinstance(await client.receive(), Reply)
        await client.ask("now", "events")
        assert isinstance(await client.receive(), Reply)


async def test_detach_and_death_close_streams(folder: Path) -> None:
    source = Source(10_000)
    async with served(folder, source.handlers) as running:
        async with connected(running.located) as client:
            await client.ask(1, "events")
            await client.ask(2, "events")
            await _wait_until(lambda: source.open == 2)
            await client.receive()
            await client.receive()
            await client.ask(3, "detach", messages.StreamAsked(1))
            assert await client.receive() == Reply(3, b"{}")
            assert source.open == 1
            await client.ask(4, "detach", messages.StreamAsked(1))
            assert isinstance((await client.receive()).error, InvalidRequest)
        await _wait_until(lambda: source.open == 0)


async def test_a_slow_reader_is_told_what_it_lost(folder: Path) -> None:
    source = Source(10_000)
    async with served(folder, source.handlers) as running, connected(running.located) as client:
        await client.ask(1, "events")
        await client.receive()
        text = "x" * 99
        for number in range(20_000):
            source.fanout.send(("/p", Said(f"{number:05}{text[5:]}")))
            if number % 1000 == 0:
                await trio.lowlevel.checkpoint()
        source.fanout.end()
        seen = lost = 0
        expected = 0
        while not isinstance(news := (await client.receive()).params, StreamEnded):
            if isinstance(news, StreamLost):
                lost += news.count
                expected += news.count
            else:
                assert int(news.item.text[:5]) == expected
                expected += 1
                seen += 1
        assert lost > 0
        assert seen + lost == 20_000


async def most_that_waits(readers: int, stuck: int, folder: Path) -> int:
    """Send 1.2 MB to all, who get it; the most bytes that waited for one who is stuck."""
    source, most = Source(100_000), 0
    counts = [0] * readers

    async def read(running: Served, index: int, task_status: trio.TaskStatus[None]) -> None:
        async with connected(running.located) as client:
            await client.ask(1, "events")
            await client.receive()
            task_status.started()
            while not isinstance((await client.receive()).params, StreamEnded):
                counts[index] += 1

    async with served(folder, source.handlers) as running, AsyncExitStack() as clients:
        for _ in range(stuck):
            client = await clients.enter_async_context(connected(running.located))
            await client.ask(1, "events")
            await client.receive()
        held = tuple(source.subscriptions)
        async with trio.open_nursery() as reading:
            for index in range(readers):
                await reading.start(read, running, index)
            for _ in range(150):
                source.fanout.send(("/p", Said("y" * 8000)))
                most = max([most, *(waiting_in(one) for one in held)])
                await trio.sleep(0.002)
            source.fanout.end()
    assert counts == [150] * readers
    return most


def waiting_in(subscription: Subscription[tuple[str, messages.Item]]) -> int:
    return sum(1 + len(item.text) for _, item in subscription._waiting.items)  # type: ignore[union-attr]


async def test_a_hundred_readers_one_stuck(folder: Path) -> None:
    """The others get all there is, and what waits for that one is bounded."""
    with trio.fail_after(60):
        assert 50_000 < await most_that_waits(99, 1, folder) <= 100_000


# --- the TCP endpoint ----------------------------------------------------------------------


async def test_a_tcp_port_is_ours_alone(folder: Path) -> None:
    async with served(folder, HANDLERS, "tcp") as running:
        rival = socket.socket()
        with rival, pytest.raises(OSError, match="in use"):
            rival.bind(running.endpoint.address)


async def test_a_port_in_use_is_said(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listen, "BIND_S", 0.1)
    with socket.socket() as other:
        other.bind((endpoint.HOST, 0))
        with pytest.raises(EndpointInUse):
            async with listening(folder, f"tcp:{other.getsockname()[1]}"):
                pass


class Refusing:
    """A socket whose `bind` fails so often."""

    def __init__(self, number: int, times: float) -> None:
        self._number, self._times = number, times

    def setsockopt(self, *_what: object) -> None:
        """Taken."""

    async def bind(self, _address: object) -> None:
        self._times -= 1
        if self._times >= 0:
            raise OSError(self._number, os.strerror(self._number))

    def getsockname(self) -> tuple[str, int]:
        return endpoint.HOST, 7


async def bind(errno_: int, times: float) -> int:
    sock: Any = Refusing(errno_, times)
    return (await listen._bind_port(sock, endpoint.Endpoint("tcp", port=7))).port


async def test_what_bind_may_say(monkeypatch: pytest.MonkeyPatch) -> None:
    """A port below 1024 that is not ours; and on Windows, one that somebody has for itself."""
    with pytest.raises(EndpointInUse, match="Permission denied"):
        await bind(errno.EACCES, math.inf)
    monkeypatch.setattr(listen, "_TAKEN", (errno.EADDRINUSE, errno.EACCES))
    assert await bind(errno.EACCES, 2) == 7
    monkeypatch.setattr(listen, "BIND_S", 0.1)
    with pytest.raises(EndpointInUse, match="in use"):
        await bind(errno.EACCES, math.inf)


async def test_a_socket_that_cannot_be_made_is_said(folder: Path) -> None:
    (folder / SOCKET / "x").mkdir(parents=True)
    with pytest.raises(RuntimeFolderUnsafe, match=r"fbuild\.sock cannot be made"):
        async with listening(folder, "unix"):
            pass


CHILD = """
import sys, trio
from pathlib import Path
from tests.real.control_kit import served
from tests.real.test_control_server import HANDLERS
async def main():
    async with served(Path(sys.argv[1]), HANDLERS, "tcp:" + sys.argv[2]) as running:
        print(running.endpoint.port, running.located.token, flush=True)
        await trio.sleep_forever()
trio.run(main)
"""


def start_child(folder: Path, port: int) -> tuple[subprocess.Popen[str], int, str]:
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(folder), str(port)], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    said = child.stdout.readline().split()
    return child, int(said[0]), said[1]


def test_hard_kill_and_rebind_of_the_same_port_within_a_second(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, port, token = start_child(folder, 0)
    with socket.create_connection((endpoint.HOST, port)) as client:
        hello = messages.Hello(messages.PROTOCOL, "0", "a test", token)
        client.sendall(protocol.write_request(0, "hello", hello))
        assert client.recv(4096)
        first.kill()
        first.communicate()
        waited = trio.run(_time_to_bind, folder.with_name("second"), port)
    with capsys.disabled():
        print(f"\n    rebind after kill -9 with a client connected: {waited * 1000:.0f} ms")
    assert waited < 1


async def _time_to_bind(folder: Path, port: int) -> float:
    started = trio.current_time()
    async with listening(folder, f"tcp:{port}"):
        return trio.current_time() - started
