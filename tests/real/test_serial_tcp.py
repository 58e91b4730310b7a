"""The TCP port against pyserial's own RFC 2217 server code, over a real socket."""

from __future__ import annotations

import socket
import time

import pytest
import serial
import trio
import trio.testing

from fbuild_watch.errors import PortLost, PortNotFound, PortUnusable
from fbuild_watch.serial import open_port
from fbuild_watch.serial.port import BREAK_HOLD, RESET_HOLD, Port
from tests.real.rfc2217_peer import EchoSerial, running_peer
from tests.real.serial_kit import LINES, read_in_turn

ALL_BYTES = bytes(range(256)) * 40


async def receive_exactly(port: Port, count: int) -> bytes:
    data = b""
    with trio.fail_after(5):
        while len(data) < count:
            data += await port.receive_some()
    return data


async def test_attaching_sets_the_baud_and_never_asserts_a_line() -> None:
    with running_peer() as peer:
        port = await open_port(peer.url, 115200)
        await port.aclose()
    assert ("baud", 115200) in peer.port.seen
    assert {value for name, value in peer.port.seen if name in ("dtr", "rts")} == {False}


async def test_all_bytes_pass_both_ways() -> None:
    with running_peer() as peer:
        port = await open_port(peer.url, 115200)
        await port.send_all(ALL_BYTES)
        assert await receive_exactly(port, len(ALL_BYTES)) == ALL_BYTES
        assert bytes(peer.port.written) == ALL_BYTES
        await port.aclose()


async def test_reset_pulses_rts_for_the_hold_time_while_somebody_reads() -> None:
    with running_peer() as peer:
        port = await open_port(peer.url, 115200)
        peer.port.seen.clear()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(port.receive_some)
            await trio.testing.wait_all_tasks_blocked()
            start = time.monotonic()
            await port.reset()
            assert time.monotonic() - start >= RESET_HOLD
            nursery.cancel_scope.cancel()
        assert peer.port.seen == [("rts", True), ("rts", False)]
        await port.aclose()


async def test_one_line_is_moved_and_the_other_stays() -> None:
    with running_peer() as peer:
        port = await open_port(peer.url, 115200)
        peer.port.seen.clear()
        await port.set_lines(**(port.lines() | {"dtr": True}))
        assert port.lines() == {"dtr": True, "rts": False}
        await port.aclose()
    assert peer.port.seen == [("dtr", True)]


async def test_a_break_has_a_beginning_and_an_end_also_when_it_is_cancelled() -> None:
    with running_peer() as peer:
        port = await open_port(peer.url, 115200)
        peer.port.seen.clear()
        with trio.move_on_after(BREAK_HOLD / 5):
            await port.send_break()
        await port.aclose()
    assert peer.port.seen == [("break", True), ("break", False)]


async def test_only_what_differs_is_sent() -> None:
    with running_peer() as peer:
        port = await open_port(peer.url, 115200)
        face = port.blocking()

        def use() -> int:
            before = peer.requests
            for timeout in (0.1, 3, None, 0.2):
                face.timeout = timeout
            face.baudrate = 115200
            face.dtr = face.rts = False
            return peer.requests - before

        assert await trio.to_thread.run_sync(use) == 0
        await port.set_baud(460800)
        assert peer.port.seen[-1] == ("baud", 460800)
        await port.aclose()


async def test_a_setting_costs_a_round_trip_not_a_fixed_time() -> None:
    with running_peer() as peer:
        port = await open_port(peer.url, 115200)
        face = port.blocking()

        def toggle() -> float:
            start = time.monotonic()
            for on in [True, False] * 50:
                face.rts = on
            return time.monotonic() - start

        seconds = await trio.to_thread.run_sync(toggle)
        assert seconds < 2.5  # pyserial's client needs 100 * 0.05 s by its waits alone
        await port.aclose()


async def test_hand_over_to_a_thread_and_back_loses_nothing() -> None:
    with running_peer() as peer:
        port = await open_port(peer.url, 115200)
        assert await read_in_turn(port, peer.say, LINES) == LINES
        await port.aclose()


async def test_the_blocking_face_times_out_and_purges() -> None:
    with running_peer() as peer:
        port = await open_port(peer.url, 115200)
        face = port.blocking()

        def use() -> None:
            face.timeout = 0.05
            assert face.read(1) == b""
            face.write(b"stale\xff")
            while face.in_waiting < 6:
                time.sleep(0.001)
            face.reset_input_buffer()
            assert face.in_waiting == 0
            face.write(b"fresh")
            face.timeout = 5
            assert face.read(5) == b"fresh"

        await trio.to_thread.run_sync(use)
        assert ("purge", "input") in peer.port.seen
        await port.aclose()


async def test_a_refused_baud_is_said_and_the_port_goes_on() -> None:
    with running_peer(EchoSerial(bauds={115200})) as peer:
        port = await open_port(peer.url, 115200)
        with pytest.raises(PortUnusable, match="cannot do 460800 baud"):
            await port.set_baud(460800)

        def blocking() -> None:
            with pytest.raises(serial.SerialException, match="cannot do 460800 baud"):
                port.blocking().baudrate = 460800

        await trio.to_thread.run_sync(blocking)
        await port.send_all(b"still here")
        assert await receive_exactly(port, 10) == b"still here"
        await port.aclose()


async def test_a_baud_that_rfc_2217_cannot_say_is_refused_on_every_way() -> None:
    with running_peer() as peer:
        with pytest.raises(PortUnusable, match="99999999999 baud"):
            await open_port(peer.url, 99_999_999_999)
        port = await open_port(peer.url, 115200)
        with pytest.raises(PortUnusable, match="99999999999 baud"):
            await port.set_baud(99_999_999_999)

        def blocking() -> None:
            with pytest.raises(serial.SerialException, match="99999999999 baud"):
                port.blocking().baudrate = 99_999_999_999

        await trio.to_thread.run_sync(blocking)
        await port.aclose()


async def test_a_server_that_goes_is_port_lost_on_both_faces() -> None:
    with running_peer() as peer:
        port = await open_port(peer.url, 115200)
        peer.hang_up()
        with trio.fail_after(5), pytest.raises(PortLost):
            await port.receive_some()

        def blocking() -> None:
            with pytest.raises(serial.SerialException):
                port.blocking().read(1)

        await trio.to_thread.run_sync(blocking)
        await port.aclose()


async def test_closing_wakes_the_reader() -> None:
    with running_peer() as peer:
        port = await open_port(peer.url, 115200)
        async with trio.open_nursery() as nursery:

            async def read() -> None:
                with pytest.raises(trio.ClosedResourceError):
                    await port.receive_some()

            nursery.start_soon(read)
            await trio.testing.wait_all_tasks_blocked()
            await port.aclose()
            await port.aclose()
        with pytest.raises(trio.ClosedResourceError):
            await port.send_all(b"x")


async def test_a_plain_socket_has_bytes_but_no_lines() -> None:
    with running_peer(telnet=False) as peer:
        port = await open_port(peer.url, 115200)
        assert not port.has_modem_lines
        await port.set_baud(9600)
        await port.send_all(ALL_BYTES)
        assert await receive_exactly(port, len(ALL_BYTES)) == ALL_BYTES
        with pytest.raises(PortUnusable, match="no DTR and RTS"):
            await port.reset()
        with pytest.raises(PortUnusable, match="no DTR and RTS"):
            port.lines()
        with pytest.raises(PortUnusable, match="no break"):
            await port.send_break()
        await port.aclose()


async def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        number = closed.getsockname()[1]
    with pytest.raises(PortNotFound) as caught:
        await open_port(f"rfc2217://127.0.0.1:{number}", 115200)
    assert "start the server" in caught.value.hint


async def test_a_server_of_another_protocol(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fbuild_watch.serial.port_tcp.CONFIRM_LIMIT", 0.2)
    with running_peer(telnet=False) as peer, pytest.raises(PortUnusable, match="not speak RFC"):
        await open_port(peer.url.replace("socket:", "rfc2217:"), 115200)


@pytest.mark.parametrize(
    "url",
    [
        "rfc2217://",
        "rfc2217://host",
        "rfc2217://host:x",
        "ftp://host:1",
        "socket://:5",
        "socket://[::1",
    ],
)
async def test_a_bad_url_says_how_it_should_look(url: str) -> None:
    with pytest.raises(PortUnusable) as caught:
        await open_port(url, 115200)
    assert "HOST:PORT" in caught.value.hint
