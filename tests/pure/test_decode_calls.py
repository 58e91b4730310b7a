"""What is taken for a return address: instructions as the manuals encode them."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from fbuild_watch.decode.calls import follows_call
from fbuild_watch.decode.demangle import demangle

START = 0x40380000


@dataclass(frozen=True)
class Code:
    """Bytes of a program, as far as `follows_call` looks at one."""

    machine: str
    data: bytes

    def is_code(self, address: int) -> bool:
        return START <= address < START + len(self.data)

    def read(self, address: int, size: int) -> bytes | None:
        at = address - START
        return self.data[at : at + size] if at >= 0 and at + size <= len(self.data) else None


@pytest.mark.parametrize(
    ("machine", "code", "is_call"),
    [
        ("riscv", "ef00a000", True),  # jal ra, +10
        ("riscv", "e7800700", True),  # jalr ra, 0(a5)
        ("riscv", "0100" "0120", True),  # c.jal
        ("riscv", "0100" "8297", True),  # c.jalr a5
        ("riscv", "0100" "8287", False),  # c.jr a5: a jump
        ("riscv", "6f00a000", False),  # jal zero: a jump
        ("riscv", "13000000", False),  # nop
        ("xtensa", "00" "05a0ff", True),  # call0
        ("xtensa", "00" "e5f0ff", True),  # call8
        ("xtensa", "00" "c00200", True),  # callx0 a2
        ("xtensa", "00" "e00800", True),  # callx8 a8
        ("xtensa", "00" "1df000", False),  # retw.n and what follows
        ("xtensa", "00" "06feff", False),  # j
        ("arm", "00f0" "2af8", True),  # bl
        ("arm", "00bf" "9847", True),  # blx r3
        ("arm", "00bf" "1847", False),  # bx r3
        ("avr", "0e940000", False),  # not decoded
    ],
)  # fmt: skip
def test_calls_of_each_machine(machine: str, code: str, is_call: bool) -> None:
    data = bytes.fromhex(code)
    program = Code(machine, data + b"\0\0")
    assert follows_call(program, START + len(data)) == is_call  # type: ignore[arg-type]


@pytest.mark.parametrize("machine", ["riscv", "xtensa", "arm"])
def test_what_is_no_code_follows_no_call(machine: str) -> None:
    program = Code(machine, bytes.fromhex("ef00a000"))
    for address in (0, START, START + 4, 0xFFFFFFFF):
        assert not follows_call(program, address)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("symbol", "name"),
    [
        ("main", "main"),
        ("_ZN4pump5Motor4readEv", "pump::Motor::read"),
        ("_ZNK4pump5Motor4readEv", "pump::Motor::read"),
        ("_ZN5PrintC1Ev", "Print::Print"),
        ("_ZN5PrintD2Ev", "Print::~Print"),
        ("_Z5blinkm", "blink"),
        ("_ZL4helpv", "help"),
        ("_ZN12_GLOBAL__N_14loopEv", "loop"),
        ("_ZN5Print7printlnIA6_cEEmRKT_", "_ZN5Print7printlnIA6_cEEmRKT_"),  # a template
        ("_ZN99xE", "_ZN99xE"),
        ("_Znwj", "_Znwj"),
        ("_Z", "_Z"),
    ],
)
def test_names_of_symbols(symbol: str, name: str) -> None:
    assert demangle(symbol) == name
