"""Whether the instruction before an address is a call: then the address may be a return address.

Sources: the RISC-V unprivileged ISA (JAL, JALR, C.JAL, C.JALR), the Xtensa ISA manual (CALLn,
CALLXn), the Armv7-M and Armv8-M manuals (BL, BLX in Thumb). Pure.
"""

from __future__ import annotations

from collections.abc import Callable

from fbuild_watch.decode.program import Program

_RA = 1


def follows_call(program: Program, address: int) -> bool:
    """Whether `address` lies right behind a call in the code of `program`."""
    check = _CHECKS.get(program.machine)
    return check is not None and program.is_code(address) and check(program, address)


def _riscv(program: Program, address: int) -> bool:
    if address % 2:
        return False
    long, short = _word(program, address - 4, 4), _word(program, address - 2, 2)
    is_long = long & 0x7F in (0x6F, 0x67) and long >> 7 & 31 == _RA  # jal ra, jalr ra
    is_jalr = short & 0xF07F == 0x9002 and short >> 7 & 31 != 0  # c.jalr
    return is_long or is_jalr or short & 0xE003 == 0x2001  # c.jal


def _xtensa(program: Program, address: int) -> bool:
    word = _word(program, address - 3, 3)
    return word & 0xF == 5 or word & 0xFFF0CF == 0x0000C0  # CALL0..12, CALLX0..12


def _thumb(program: Program, address: int) -> bool:
    at = address & ~1
    high, low = _word(program, at - 4, 2), _word(program, at - 2, 2)
    is_bl = high & 0xF800 == 0xF000 and low & 0xD000 == 0xD000
    return is_bl or low & 0xFF87 == 0x4780  # blx Rm


def _word(program: Program, address: int, size: int) -> int:
    return int.from_bytes(program.read(address, size) or b"", "little")


_CHECKS: dict[str, Callable[[Program, int], bool]] = {
    "riscv": _riscv, "xtensa": _xtensa, "arm": _thumb,
}  # fmt: skip
