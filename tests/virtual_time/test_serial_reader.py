"""The reader's idle flush and last words, the reset pulse, the lease."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from fbuild_watch.errors import PortLost, PortUnusable
from fbuild_watch.model import ConsoleItem, DeviceBytes, DeviceText
from fbuild_watch.serial import LeaseConflict, PortLease, read_into
from fbuild_watch.serial.port import RESET_HOLD
from fbuild_watch.serial.reader import IDLE, LONGEST
from tests.virtual_time.fake_port import FakePort


class Sink:
    """A console that takes `seconds` for each item."""

    def __init__(self, seconds: float = 0) -> None:
        self.seen: list[tuple[float, str, bool]] = []
        self.received = b""
        self._seconds = seconds
        self._start = trio.current_time()

    async def send(self, item: ConsoleItem) -> None:
        if isinstance(item, DeviceBytes):
            self.received += item.data
            return
        await trio.sleep(self._seconds)
        assert isinstance(item, DeviceText)
        self.seen.append((round(trio.current_time() - self._start, 6), item.text, item.complete))

    @property
    def texts(self) -> list[str]:
        return [text for _, text, _ in self.seen]


@pytest.fixture
def port() -> FakePort:
    return FakePort()


@pytest.fixture
async def sink() -> Sink:
    return Sink()


async def test_a_prompt_comes_after_the_idle_time_and_a_line_at_once(
    autojump_clock: MockClock, port: FakePort, sink: Sink, nursery: trio.Nursery
) -> None:
    nursery.start_soon(read_into, port, sink.send)
    port.say(b"line\r\n>>> ")
    await trio.sleep(1)
    port.say(b"x\r\n")
    await trio.sleep(1)
    assert sink.seen == [(0, "line", True), (IDLE, ">>> ", False), (1, "x", True)]


async def test_every_byte_is_handed_on_as_it_came(
    autojump_clock: MockClock, port: FakePort, sink: Sink, nursery: trio.Nursery
) -> None:
    nursery.start_soon(read_into, port, sink.send)
    for piece in (b"\xff\x00", b"\r", b"\n\x1b[2J", b"end"):
        port.say(piece)
    await trio.sleep(1)
    assert sink.received == b"\xff\x00\r\n\x1b[2Jend"


async def test_a_line_in_pieces_is_one_line_when_they_come_quickly(
    autojump_clock: MockClock, port: FakePort, sink: Sink, nursery: trio.Nursery
) -> None:
    nursery.start_soon(read_into, port, sink.send)
    for piece in (b"t", b"i", b"ck\n"):
        port.say(piece)
        await trio.sleep(IDLE / 2)
    assert sink.texts == ["tick"]


async def test_a_line_that_is_never_silent_is_shown_all_the_same(
    autojump_clock: MockClock, port: FakePort, sink: Sink, nursery: trio.Nursery
) -> None:
    nursery.start_soon(read_into, port, sink.send)
    for _ in range(40):
        port.say(b".")
        await trio.sleep(IDLE / 2)
    await trio.sleep(1)
    assert "".join(sink.texts) == "." * 40
    assert len(sink.texts) < 10
    assert sink.seen[0][0] <= LONGEST


async def test_a_slow_console_loses_nothing(
    autojump_clock: MockClock, port: FakePort, nursery: trio.Nursery
) -> None:
    sink = Sink(seconds=10 * IDLE)
    nursery.start_soon(read_into, port, sink.send)
    for number in range(20):
        port.say(b"%d\n%d tail" % (number, number))
        await trio.sleep(IDLE / 3)
    port.say(b"\n")
    await trio.sleep(60)
    joined = "".join(text + "\n" * complete for _, text, complete in sink.seen)
    assert joined == "0\n" + "".join(f"{n} tail{n + 1}\n" for n in range(19)) + "19 tail\n"


async def test_an_unplugged_port_hands_on_its_last_words(
    autojump_clock: MockClock, port: FakePort, sink: Sink
) -> None:
    port.say(b"line\nlast wor\xc3")
    port.unplug()
    with pytest.raises(PortLost):
        await read_into(port, sink.send)
    assert sink.texts == ["line", "last wor\\xc3"]


async def test_a_cancelled_reader_hands_on_what_it_has(
    autojump_clock: MockClock, port: FakePort
) -> None:
    sink = Sink(seconds=0.01)
    port.say(b"one\ntwo\ntail")
    with trio.move_on_after(0.015):
        await read_into(port, sink.send)
    assert sink.texts == ["one", "two", "tail"]


async def test_a_cancelled_reader_does_not_wait_for_a_console_that_hangs(
    autojump_clock: MockClock, port: FakePort
) -> None:
    sink = Sink(seconds=1000)
    port.say(b"one\n")
    with trio.move_on_after(1):
        await read_into(port, sink.send)
    assert trio.current_time() < 10


async def test_reset_holds_en_low_and_leaves_the_strap_alone(
    autojump_clock: MockClock, port: FakePort
) -> None:
    start = trio.current_time()
    await port.reset()
    assert [(round(at - start, 6), lines) for at, lines in port.done] == [
        (0, {"dtr": False, "rts": True}),
        (RESET_HOLD, {"dtr": False, "rts": False}),
    ]


async def test_a_cancelled_reset_does_not_leave_the_board_in_reset(
    autojump_clock: MockClock, port: FakePort
) -> None:
    with trio.move_on_after(RESET_HOLD / 2):
        await port.reset()
    assert port.done[-1][1] == {"dtr": False, "rts": False}


async def test_reset_without_lines(autojump_clock: MockClock) -> None:
    with pytest.raises(PortUnusable):
        await FakePort(has_modem_lines=False).reset()


async def test_the_lease_has_one_holder_and_refuses_a_second_at_once(
    autojump_clock: MockClock, port: FakePort
) -> None:
    lease = PortLease(port)
    with lease.take("console") as held:
        assert held is port
        assert lease.holder == "console"
        with pytest.raises(LeaseConflict, match="flasher took fake, which console holds"):
            lease.take("flasher").__enter__()
    with pytest.raises(KeyError), lease.take("flasher"):
        raise KeyError
    assert lease.holder is None
