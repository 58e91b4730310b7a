"""For tests against a served board: a plain TCP client, and images that the chip's ROM runs."""

from __future__ import annotations

import hashlib
import socket
import struct
import time

from fbuild_watch.virtual.protocol import checksum
from tests.real.conftest import ServedBoard

DEADLINE_S = 20

IAC, SB, SE = b"\xff", b"\xfa", b"\xf0"
RTS_ON = IAC + SB + b"\x2c\x05\x0b" + IAC + SE
DTR_OFF = IAC + SB + b"\x2c\x05\x09" + IAC + SE

RAM = 0x40380000
JUMP_TO_SELF = struct.pack("<I", 0x0000006F)
PRINTS_OK = struct.pack(
    "<11I",
    0x60000537,  # lui a0, 0x60000      UART0's FIFO
    0x04F00593,  # li a1, 'O'
    0x00B52023,  # sw a1, 0(a0)
    0x04B00593,  # li a1, 'K'
    0x00B52023,  # sw a1, 0(a0)
    0x00A00593,  # li a1, '\n'
    0x00B52023,  # sw a1, 0(a0)
    0x00100637,  # lui a2, 0x100        wait a million turns
    0xFFF60613,  # addi a2, a2, -1
    0xFE061EE3,  # bnez a2, -4
    0xFDDFF06F,  # j -36
)
WATCHDOGS_OFF = struct.pack(
    "<13I",
    0x50D842B7,  # lui t0, 0x50d84
    0xAA128293,  # addi t0, t0, -1375   the watchdogs' key
    0x60008337,  # lui t1, 0x60008      RTC
    0x0A532423,  # sw t0, 0xa8(t1)
    0x08032823,  # sw zero, 0x90(t1)
    0x800003B7,  # lui t2, 0x80000      super watchdog: its key, then feed itself
    0x8F1D3E37,  # lui t3, 0x8f1d3
    0x12AE0E13,  # addi t3, t3, 0x12a
    0x0BC32823,  # sw t3, 0xb0(t1)
    0x0A732623,  # sw t2, 0xac(t1)
    0x6001F337,  # lui t1, 0x6001f      timer group 0
    0x06532223,  # sw t0, 0x64(t1)
    0x04032423,  # sw zero, 0x48(t1)
)


def image(code: bytes) -> bytes:
    """Return an ESP32-C3 image of one RAM segment, run from its start (esptool docs)."""
    header = struct.pack("<BBBBI", 0xE9, 1, 2, 0x2F, RAM)
    header += struct.pack("<BBBBHBHHIB", 0xEE, 0, 0, 0, 5, 0, 0, 0xFFFF, 0, 1)
    body = header + struct.pack("<II", RAM, len(code)) + code
    body += bytes(15 - len(body) % 16) + bytes((checksum(code),))
    return body + hashlib.sha256(body).digest()


class RawClient:
    """A TCP client that speaks just enough telnet."""

    def __init__(self, board: ServedBoard) -> None:
        self.socket = socket.create_connection(("127.0.0.1", board.port), timeout=DEADLINE_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.wait_heard(IAC)  # the server speaks first

    def wait_heard(self, expected: bytes) -> bytes:
        """Read until `expected` has come; returns all that came. A board may talk without end."""
        heard = b""
        deadline = time.monotonic() + DEADLINE_S
        while expected not in heard:
            assert time.monotonic() < deadline, f"not {expected!r} in {heard[-2000:]!r}"
            piece = self.socket.recv(4096)
            assert piece, f"closed after {heard!r}"
            heard += piece
        return heard

    def set(self, setting: bytes) -> float:
        """Send a setting; returns the seconds until it was acknowledged."""
        start = time.perf_counter()
        self.socket.sendall(setting)
        self.wait_heard(setting.replace(b"\x2c\x05", b"\x2c\x69"))
        return time.perf_counter() - start

    def close(self) -> None:
        """Close as a program does that ends well."""
        self.socket.close()

    def break_off(self) -> None:
        """Reset the connection, as the kernel does for a process that was killed."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


def wait_logged(board: ServedBoard, line: str, *, times: int = 1) -> None:
    """Wait until the board has said a line so many times."""
    deadline = time.monotonic() + DEADLINE_S
    while board.log.count(line) < times:
        assert time.monotonic() < deadline, board.log
        time.sleep(0.01)
