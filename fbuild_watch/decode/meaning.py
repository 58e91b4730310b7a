"""What the registers of a panic say, in a sentence. Pure.

Sources: the RISC-V privileged ISA (mcause), the Xtensa ISA manual, table 4-64 (EXCCAUSE), ESP-IDF,
"Fatal Errors", and the ESP8266 core's list of exception causes.
"""

from __future__ import annotations

from collections.abc import Mapping

NULL_PAGE = 0x1000
"""Addresses below are a null pointer with a member's offset: no chip here has memory there."""

_XTENSA = {
    0: "illegal instruction", 2: "instruction fetch error", 3: "load or store error",
    6: "integer division by zero", 9: "unaligned access", 20: "no code at that address",
    28: "read from a bad address", 29: "write to a bad address",
}  # fmt: skip
_FETCH, _READ, _WRITE = "a jump to", "a read from", "a write to"
_ACCESS = {"riscv": {1: _FETCH, 5: _READ, 7: _WRITE}, "xtensa": {20: _FETCH, 28: _READ, 29: _WRITE}}


def exception(cause: int) -> str:
    """An ESP8266's `Exception (28)`."""
    known = _XTENSA.get(cause)
    return f"exception {cause}" + (f" ({known})" if known else "")


def access(registers: Mapping[str, int]) -> str:
    """The access that failed, with its address; empty where the registers do not say."""
    if "MCAUSE" in registers:
        verb, address = _ACCESS["riscv"].get(registers["MCAUSE"]), registers.get("MTVAL")
    else:
        verb = _ACCESS["xtensa"].get(registers.get("EXCCAUSE", -1))
        address = registers.get("EXCVADDR")
    if verb is None or address is None:
        return ""
    return f"{verb} {address:#010x}" + (": a null pointer" if address < NULL_PAGE else "")
