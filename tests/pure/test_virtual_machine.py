"""The machine with programs of a few instructions, written as words: no compiler needed."""

from __future__ import annotations

import re
import struct
from itertools import pairwise

import pytest

from fbuild_watch.virtual.cpu import ResetCause
from fbuild_watch.virtual.machine import Machine
from fbuild_watch.virtual.memory import DRAM, IRAM
from fbuild_watch.virtual.nor import BLOCK, Nor

CODE = IRAM + 0x4000
ERASED = Nor(bytearray(b"\xff" * BLOCK))

# Instructions, as `riscv64-unknown-elf-as` makes them.
NOP, UNIMP = 0x00000013, 0xC0001073
LUI_A0_UART = 0x60000537  # lui a0, 0x60000
LUI_A0_ROM = 0x40000537  # lui a0, 0x40000
LI_A1_X = 0x07800593  # li a1, 'x'
SW_A1_A0 = 0x00B52023  # sw a1, 0(a0)
LW_A1_STATUS = 0x01C52583  # lw a1, 28(a0)
LOOP_TO_SELF = 0x0000006F
BACK_4 = 0xFFDFF06F  # j .-4
BACK_8 = 0xFF9FF06F  # j .-8
LW_A1_NULL = 0x00002583  # lw a1, 0(zero)
SW_A1_NULL = 0x00B02023
JUMP_NULL = 0x000000E7  # jalr 0
ADD_A2 = 0x00160613  # addi a2, a2, 1


def li_a0(value: int) -> tuple[int, int]:
    """Li a0, value."""
    low = value & 0xFFF
    high = (value - (low - 0x1000 if low & 0x800 else low)) & 0xFFFFF000
    return high | 0x537, low << 20 | 0x50513


def call_rom(function: int) -> tuple[int, int]:
    """Lui t0, 0x40000; jalr ra, function(t0)."""
    return 0x400002B7, function << 20 | 0x280E7


def program(*words: int) -> bytes:
    return struct.pack(f"<{len(words)}I", *words)


def machine(*words: int, nor: Nor = ERASED) -> Machine:
    made = Machine(nor.read)
    made.load(CODE, program(*words))
    made.start(CODE, 0.0)
    return made


def run(made: Machine, until: float, now: float = 0.0) -> bytes:
    """Run in virtual time, up to `until` or a reset; a slice that was all used takes 1 ms."""
    output = bytearray()
    while now <= until:
        due = made.run(now)
        output += made.take_output()
        if due is None:
            break
        now = due if due > now else now + 0.001
    return bytes(output)


def panic(made: Machine) -> dict[str, int]:
    text = run(made, 5.0).decode()
    values = dict(re.findall(r"([A-Z0-9/]+) *: (0x[0-9a-f]{8})", text))
    assert "Guru Meditation Error" in text, text
    return {"cause": 0} | {name: int(value, 16) for name, value in values.items()}


def test_a_program_in_ram_runs() -> None:
    made = machine(LUI_A0_UART, LI_A1_X, SW_A1_A0, LOOP_TO_SELF)
    assert run(made, 0.01) == b"x"
    assert made.reset_requested is None


def test_both_buses_see_the_same_memory() -> None:
    made = machine(LOOP_TO_SELF)
    assert made.read_word(CODE) == made.read_word(DRAM) == LOOP_TO_SELF
    assert made.write_word(DRAM + 0x100, 0x12345678)
    assert made.read_word(CODE + 0x100) == 0x12345678
    assert made.read_word(IRAM + 4) == 0
    assert made.read_word(DRAM - 4) is None
    assert not made.write_word(0x3C000000, 1)


@pytest.mark.parametrize(
    ("words", "cause", "value"),
    [
        ((NOP, NOP, LW_A1_NULL), 5, 0),
        ((NOP, NOP, SW_A1_NULL), 7, 0),
        ((NOP, NOP, UNIMP), 2, UNIMP),
        ((NOP, NOP, 0), 2, 0),
        ((NOP, NOP, 0x00007053), 2, 0x00007053),
        ((NOP, NOP, 0x00100073), 3, 0),
    ],
    ids=["load", "store", "unimp", "zeros", "float", "ebreak"],
)
def test_a_trap_shows_where_and_why(words: tuple[int, ...], cause: int, value: int) -> None:
    made = machine(*words)
    registers = panic(made)
    assert registers["MEPC"] == CODE + 8
    assert (registers["MCAUSE"], registers["MTVAL"]) == (cause, value)
    assert made.reset_requested is ResetCause.RTC_SW_CPU


def test_a_short_illegal_instruction_is_found_at_its_own_address() -> None:
    registers = panic(machine(0x0001_0001, 0x0000_0001))  # c.nop x 3, then 0x0000
    assert (registers["MEPC"], registers["MCAUSE"]) == (CODE + 6, 2)


def test_a_call_of_null_is_a_fetch_fault_with_its_return_address() -> None:
    registers = panic(machine(NOP, JUMP_NULL))
    assert (registers["MEPC"], registers["MCAUSE"], registers["RA"]) == (0, 1, CODE + 8)


def test_code_cannot_run_from_the_data_bus() -> None:
    made = Machine(ERASED.read)
    made.load(DRAM, program(LOOP_TO_SELF))
    made.start(DRAM, 0.0)
    assert panic(made)["MEPC"] == DRAM


def test_a_rom_function_that_is_not_there_is_a_panic() -> None:
    registers = panic(machine(*call_rom(0x7F0)))
    assert (registers["MEPC"], registers["MCAUSE"]) == (0x400007F0, 1)


def test_a_panic_takes_the_time_the_uart_needs() -> None:
    made = machine(LW_A1_NULL)
    due = made.run(1.0)
    assert due is not None
    assert due - 1.0 == pytest.approx(len(made.take_output()) * 10 / 115200, rel=0.01)
    assert made.reset_requested is None
    assert made.run(due) is None
    assert made.reset_requested is ResetCause.RTC_SW_CPU


# --- ROM functions ---


def test_a_delay_gives_the_time_back() -> None:
    made = machine(*li_a0(250_000), *call_rom(0x50), LUI_A0_UART, LI_A1_X, SW_A1_A0, LOOP_TO_SELF)
    assert made.run(1.0) == pytest.approx(1.25)
    assert made.run(1.1) == pytest.approx(1.25)
    assert made.take_output() == b""
    made.run(1.25)
    assert made.take_output() == b"x"


def test_flash_is_read_into_code_that_has_run_before() -> None:
    nor = Nor(bytearray(b"\xff" * BLOCK))
    nor.program(0x1000, program(LUI_A0_UART, LI_A1_X, SW_A1_A0, LOOP_TO_SELF))
    target = CODE + 0x100
    words = (
        *li_a0(target),
        0x000500E7,  # jalr ra, 0(a0): what is there now only returns
        *li_a0(target),
        0x00050593,  # mv a1, a0
        *li_a0(0x1000),
        0x01000613,  # li a2, 16
        *call_rom(0x130),
        *li_a0(target),
        0x00050067,  # jr a0
    )
    made = Machine(nor.read)
    made.load(CODE, program(*words))
    made.load(target, program(0x00008067))  # ret
    made.start(CODE, 0.0)
    assert run(made, 0.1) == b"x"


def test_a_read_beyond_the_flash_fails() -> None:
    words = (*li_a0(BLOCK), 0x01000613, *call_rom(0x130), 0x00A02023)  # sw a0, 0(zero)
    assert panic(machine(*words))["A0"] == 1


def test_a_software_reset() -> None:
    made = machine(*call_rom(0x90))
    assert made.run(0.5) is None
    assert made.reset_requested is ResetCause.RTC_SW_SYS


def test_the_rom_waits_for_room_in_the_fifo() -> None:
    words = (0x07800513, *call_rom(0x68), 0xFF5FF06F)  # li a0, 'x'; call; j back
    made = machine(*words)
    output = run(made, 0.1)
    assert len(output) == pytest.approx(128 + 0.1 * 11520, abs=2)
    assert set(output) == {ord("x")}


def test_the_rom_gives_what_was_received() -> None:
    words = (
        *li_a0(DRAM + 0x1000), *call_rom(0x70), 0x00A02023,
    )  # fmt: skip
    made = machine(*words)
    made.receive(b"k")
    assert panic(made)["A0"] == 0
    assert made.read_word(DRAM + 0x1000) == ord("k")
    assert panic(machine(*words))["A0"] == 1


# --- time and idling ---


def test_polling_firmware_is_let_wait_and_woken_by_input() -> None:
    made = machine(LUI_A0_UART, LW_A1_STATUS, BACK_4)
    times = [0.0]
    while times[-1] < 1.0:
        due = made.run(times[-1])
        assert due is not None
        times.append(due)
    waits = [later - earlier for earlier, later in pairwise(times)]
    assert waits[0] == pytest.approx(0.001)
    assert waits[-1] == pytest.approx(0.010)
    assert len(waits) < 150


@pytest.mark.parametrize("words", [(LOOP_TO_SELF,), (0x10500073, BACK_4), (0xA001,)])
def test_code_that_does_nothing_is_let_wait(words: tuple[int, ...]) -> None:
    due = machine(*words).run(3.0)
    assert due is not None
    assert due >= 3.001


def test_firmware_that_computes_is_not() -> None:
    made = machine(ADD_A2, ADD_A2, BACK_8)
    assert made.run(3.0) == 3.0


def test_a_run_is_the_same_every_time() -> None:
    outputs = set()
    for _ in range(3):
        made = machine(LUI_A0_UART, LI_A1_X, SW_A1_A0, ADD_A2, BACK_8)
        outputs.add(run(made, 0.05))
    assert len(outputs) == 1


def test_no_output_is_lost_between_slices() -> None:
    words = (LUI_A0_UART, LI_A1_X, 0x01C52603, 0x01065613, 0x07F67613)
    # li a1,'x'; loop: lw a2,28(a0); srli a2,16; andi a2,127; bnez a2,loop; sw; j loop
    made = machine(*words, 0xFE061AE3, SW_A1_A0, 0xFEDFF06F)
    assert set(run(made, 0.05)) == {ord("x")}


# --- power and resets ---


def test_a_machine_without_power_does_nothing() -> None:
    made = Machine(ERASED.read)
    made.receive(b"x")
    assert made.run(1.0) is None
    assert made.take_output() == b""
    assert made.reset_requested is None


def test_erased_flash_resets_in_a_loop_at_the_watchdogs_pace() -> None:
    made = Machine(ERASED.read)
    made.power_on(2.0, ResetCause.POWERON)
    assert made.run(2.0) == pytest.approx(2.65)
    assert made.take_output().count(b"invalid header: 0xffffffff\r\n") == 8
    assert made.run(2.65) is None
    assert made.reset_requested is ResetCause.TG0WDT_SYS
    made.halt()
    made.power_on(2.65, ResetCause.TG0WDT_SYS)
    text = made.take_output()
    assert b"rst:0x7 (TG0WDT_SYS_RST),boot:0xd (SPI_FAST_FLASH_BOOT)\r\nSaved PC:0x4" in text
    assert made.reset_requested is None


def test_halt_forgets_everything() -> None:
    made = machine(LUI_A0_UART, LI_A1_X, SW_A1_A0, LOOP_TO_SELF)
    made.run(0.1)
    made.halt()
    assert made.run(0.2) is None
    assert made.take_output() == b""
    assert made.read_word(CODE) == 0
