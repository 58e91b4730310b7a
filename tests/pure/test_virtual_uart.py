from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fbuild_watch.virtual.esp32c3 import UART
from fbuild_watch.virtual.uart import FIFO_SIZE, Uart

BYTE = 10 / 115200


def read_all(uart: Uart) -> bytes:
    taken = bytearray()
    while (value := uart.read()) is not None:
        taken.append(value)
    return bytes(taken)


@pytest.mark.parametrize("baud", [9800, 74880, 115200, 460800, 921600, 2_000_000])
def test_the_divider_gives_the_rate(baud: int) -> None:
    uart = Uart(0.0)
    uart.clkdiv = UART.divider_of(baud)
    assert uart.baud == pytest.approx(baud, rel=0.01)


def test_low_rates_need_the_divider_in_front() -> None:
    uart = Uart(0.0)
    uart.clkdiv = UART.divider_of(9800)
    uart.clk_conf |= 7 << 12
    assert uart.baud == pytest.approx(9800 / 8, rel=0.01)


def test_a_byte_is_there_when_time_has_passed_and_not_before() -> None:
    uart = Uart(0.0)
    uart.receive(b"a")
    assert uart.received == 0
    uart.advance(5.0)
    assert (uart.received, uart.next_arrival) == (1, None)
    assert (uart.read(), uart.read()) == (ord("a"), None)


def test_bytes_arrive_at_the_rate_of_the_line() -> None:
    uart = Uart(0.0)
    uart.receive(bytes(10))
    uart.advance(1.0)
    assert uart.received == 1
    assert uart.next_arrival == pytest.approx(1.0 + BYTE, abs=1e-6)
    uart.advance(1.0 + 4.5 * BYTE)
    assert uart.received == 5
    uart.advance(2.0)
    assert uart.received == 10


@given(st.lists(st.binary(max_size=40), max_size=8), st.integers(1, 50))
@example([bytes(40)] * 4, 1)
def test_nothing_is_lost_while_somebody_reads(pieces: list[bytes], steps: int) -> None:
    uart = Uart(0.0)
    now, taken = 0.0, bytearray()
    for piece in pieces:
        uart.receive(piece)
        for _ in range(steps):
            now += BYTE
            uart.advance(now)
            taken += read_all(uart)
    while uart.next_arrival is not None:
        now = max(now, uart.next_arrival)
        uart.advance(now)
        taken += read_all(uart)
    assert bytes(taken) == b"".join(pieces)


def test_a_full_fifo_loses_what_comes() -> None:
    uart = Uart(0.0)
    data = bytes(range(200))
    uart.receive(data)
    uart.advance(0.0)
    uart.advance(1.0)
    assert read_all(uart) == data[:FIFO_SIZE]
    uart.receive(b"again")
    uart.advance(2.0)
    uart.advance(3.0)
    assert read_all(uart) == b"again"


def test_what_is_written_leaves_at_the_rate_of_the_line() -> None:
    uart = Uart(0.0)
    for value in range(FIFO_SIZE):
        assert uart.write(value)
    assert uart.unsent == FIFO_SIZE
    assert not uart.write(0)
    assert uart.room_at == pytest.approx(BYTE, abs=1e-6)
    uart.advance(10.5 * BYTE)
    assert uart.unsent == FIFO_SIZE - 10
    uart.advance(uart.quiet_at)
    assert uart.unsent == 0
    assert uart.output == bytes(range(FIFO_SIZE))


def test_room_comes_when_it_is_said_to() -> None:
    uart = Uart(0.0)
    uart.send(bytes(FIFO_SIZE + 7))
    uart.advance(uart.room_at)
    assert uart.write(0)
    assert uart.unsent == FIFO_SIZE
