"""The line assembler: endings, UTF-8, control characters, bounds; however the bytes are split."""

from __future__ import annotations

import random
import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fbuild_watch.model import DeviceText
from fbuild_watch.serial.lines import MAX_LINE, LineAssembler

CASES = {
    b"one\ntwo\r\nthree\r\r\nfour\n": ["one", "two", "three", "four"],
    b"10%\r20%\r30%\n": ["10%", "20%", "30%"],
    b"lf first\n\rnext\n": ["lf first", "next"],
    b"\n\r\n\n": ["", "", ""],
    b"\rcolumn one\n": ["column one"],
    b"one\r\n\r\ntwo\n": ["one", "", "two"],
    "grüße €😀\n".encode(): ["grüße €😀"],
    b"bad \xff\xc3( \xe2\x82\n": ["bad \\xff\\xc3( \\xe2\\x82"],
    b"nul \0 bel \x07 del \x7f tab\t.\n": ["nul \\x00 bel \\x07 del \\x7f tab\t."],
    b"c1 \xc2\x9b2J\n": ["c1 \\x9b2J"],
    b"\x1b[0;32mgreen\x1b[0m\x1b[K\n": ["\x1b[0;32mgreen\x1b[0m\x1b[K"],
    b"\x1bc \x1b]0;title\x07 \x1b[\n": ["\\x1bc \\x1b]0;title\\x07 \\x1b["],
    b"\x1b[" + b"1" * 40 + b"m\n": ["\\x1b[" + "1" * 40 + "m"],
    b"a" * (MAX_LINE + 1) + b"\nb\n": ["a" * MAX_LINE, "a", "b"],
    b"a" * MAX_LINE + b"\r\nb\n": ["a" * MAX_LINE, "b"],
}


def assemble(*pieces: bytes) -> list[str]:
    """The complete lines, and the rest as a last one."""
    lines = LineAssembler()
    texts = [text for piece in pieces for text in lines.feed(piece, 0.0)]
    return [text.text for text in [*texts, *lines.finish()]]


@pytest.mark.parametrize("data", CASES)
def test_whole_byte_by_byte_and_with_a_tail(data: bytes) -> None:
    assert assemble(data) == CASES[data]
    assert assemble(*(data[at : at + 1] for at in range(len(data)))) == CASES[data]
    assert assemble(data + b"tail") == [*CASES[data], "tail"]


noise = st.lists(
    st.sampled_from([b"\r", b"\n", b"\x1b[", b"\x1b", b"31m", b"\xe2\x82\xac", b"\xff", b"ab"])
    | st.binary(max_size=5)
)


@given(noise, st.integers(0, 200))
def test_a_split_anywhere_changes_nothing(pieces: list[bytes], at: int) -> None:
    data = b"".join(pieces)
    whole = assemble(data)
    assert assemble(data[:at], data[at:]) == whole
    assert assemble(*pieces) == whole


@given(noise)
def test_only_escape_sequences_are_left_of_the_control_characters(pieces: list[bytes]) -> None:
    for line in assemble(*pieces):
        text = re.sub(r"\x1b\[[0-?]*[ -/]*[@-~]", "", line)
        assert not [char for char in text if unicodedata.category(char) == "Cc" and char != "\t"]


@given(noise)
def test_flushing_changes_how_it_comes_not_what(pieces: list[bytes]) -> None:
    lines = LineAssembler()
    texts: list[DeviceText] = []
    for piece in pieces:
        texts += lines.feed(piece, 0.0)
        if tail := lines.flush():
            assert not tail.complete
            texts.append(tail)
        assert not lines.pending
    texts += lines.finish()
    joined = "".join(text.text + "\n" * text.complete for text in texts)
    assert joined.rstrip("\n") == "\n".join(assemble(*pieces)).rstrip("\n")


def test_a_prompt_is_flushed_once_and_goes_on_with_its_line() -> None:
    lines = LineAssembler()
    assert lines.feed(b">>> ", 1.0) == []
    assert lines.pending
    assert lines.flush() == DeviceText(">>> ", complete=False, at=1.0)
    assert lines.flush() is None
    assert lines.feed(b"help\r\n", 2.0) == [DeviceText("help", complete=True, at=2.0)]
    assert lines.feed(b"x", 3.0) == []
    assert lines.flush() == DeviceText("x", complete=False, at=3.0)
    assert lines.feed(b"\r", 4.0) == [DeviceText("", complete=True, at=4.0)]


def test_half_a_character_or_escape_sequence_is_not_flushed() -> None:
    lines = LineAssembler()
    lines.feed(b"a\xe2\x82", 0.0)
    assert lines.flush() == DeviceText("a", complete=False, at=0.0)
    lines.feed(b"\xac\x1b[3", 0.0)
    assert lines.flush() == DeviceText("€", complete=False, at=0.0)
    assert not lines.pending
    assert lines.feed(b"1mred\n", 1.0)[0].text == "\x1b[31mred"


def test_the_time_is_that_of_the_first_byte() -> None:
    lines = LineAssembler()
    lines.feed(b"a", 1.0)
    lines.feed(b"b", 2.0)
    assert [text.at for text in lines.feed(b"c\nd\n", 3.0)] == [1.0, 3.0]


def test_ten_megabytes_of_noise_never_raise_and_take_no_memory() -> None:
    lines, source = LineAssembler(), random.Random(1)
    for _ in range(160):
        for text in lines.feed(source.randbytes(65536), 0.0):
            assert len(text.text) <= MAX_LINE * 4
    assert sum(len(text.text) for text in lines.finish()) <= MAX_LINE * 4


def test_a_line_without_end_takes_no_memory() -> None:
    lines = LineAssembler()
    for _ in range(100):
        texts = lines.feed(b"\x1b[" * 5000, 0.0)
        lines.flush()
        assert all(len(text.text) <= MAX_LINE * 4 for text in texts)
    assert sum(len(text.text) for text in lines.finish()) <= MAX_LINE * 4
