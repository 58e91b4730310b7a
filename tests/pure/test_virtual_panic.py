from __future__ import annotations

from fbuild_watch.virtual.panic import REGISTERS, STACK_BYTES, Fault, text

STACK = 0x3FCCFF00


def registers() -> dict[str, int]:
    return {name: index for index, name in enumerate(REGISTERS)} | {"SP": STACK}


def lines(end: int = STACK + 2 * STACK_BYTES) -> list[str]:
    dump = text(Fault.LOAD_ACCESS, registers(), lambda at: at ^ 0xF if at < end else None).decode()
    assert "\n" not in dump.replace("\r\n", "")
    return dump.split("\r\n")


def test_the_words_and_the_register_dump() -> None:
    dump = lines()
    assert dump[:4] == [
        "",
        "Guru Meditation Error: Core  0 panic'ed (Load access fault). Exception was unhandled.",
        "",
        "Core  0 register dump:",
    ]
    assert dump[4] == (
        "MEPC    : 0x00000000  RA      : 0x00000001  SP      : 0x3fccff00  GP      : 0x00000003  "
    )
    assert dump[6].startswith("S0/FP   : 0x00000008  ")
    assert dump[13] == "MHARTID : 0x00000024  "
    assert dump[-2] == "Rebooting..."


def test_the_stack_is_dumped_in_lines_of_eight_words() -> None:
    dump = lines()
    start = dump.index("Stack memory:") + 1
    stack = dump[start : dump.index("", start)]
    assert len(stack) == STACK_BYTES // 32
    assert stack[1] == (
        "3fccff20: 0x3fccff2f 0x3fccff2b 0x3fccff27 0x3fccff23 "
        "0x3fccff3f 0x3fccff3b 0x3fccff37 0x3fccff33"
    )


def test_a_stack_at_the_end_of_memory_is_cut() -> None:
    dump = lines(end=STACK + 36)
    start = dump.index("Stack memory:") + 1
    stack = dump[start : dump.index("", start)]
    assert [line.count("0x") for line in stack] == [8, 1]


def test_a_stack_that_is_nowhere() -> None:
    dump = lines(end=0)
    assert dump[dump.index("Stack memory:") + 1] == ""
