"""The ini reader, held against configparser, which PlatformIO reads its files with."""

from __future__ import annotations

import configparser

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fbuild_watch.errors import InvalidProject
from fbuild_watch.project import ini

lines = st.one_of(
    st.sampled_from(["[a]", "[b]", "[env:x]", "", "  ", "; note", "# note", "  ; deep note", "[]"]),
    st.builds(
        "{}{}{}{}".format,
        st.sampled_from(["", "", " ", "\t"]),
        st.sampled_from(["one", "Two", "three four", ""]),
        st.sampled_from(["=", " = ", " : ", ": ", ""]),
        st.sampled_from(["", "1", "a b", "x ; note", "x;y", "#z", "a=b", "[c]", "é"]),
    ),
)


def as_configparser(text: str) -> dict[str, dict[str, str]] | None:
    """What Python's own reader makes of a text; None where it refuses."""
    parser = configparser.ConfigParser(inline_comment_prefixes=("#", ";"), interpolation=None)
    try:
        parser.read_string(text)
    except configparser.Error:
        return None
    # Blank lines inside a value mean nothing to the options that are read here.
    return {
        name: {
            key: "\n".join(line for line in value.split("\n") if line.strip())
            for key, value in parser[name].items()
        }
        for name in parser.sections()
    }


def as_ours(text: str) -> dict[str, dict[str, str]] | None:
    try:
        document = ini.parse(text, "x.ini")
    except InvalidProject:
        return None
    return {
        name: {key: option.text for key, option in section.options.items()}
        for name, section in document.items()
    }


@given(st.lists(lines, max_size=8).map("\n".join))
@example("[a]\none = 1\n  two\n\n  three ; note\nfour = 4\n")
@example("[a]\n  one = 1\n  two = 2\n")
@example("[a]\none =\n  1\n  2\n")
def test_same_as_configparser(text: str) -> None:
    assert as_ours(text) == as_configparser(text)


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("[a]\nx = 1\n[b]\n[a]\n", 4, "first at line 1"),
        ("[a]\nx = 1\ny = 2\nX = 3\n", 4, "first at line 2"),
        ("x = 1\n[a]\n", 1, "before the first"),
        ("; note\n\n[a]\nnonsense\n", 4, "'nonsense'"),
        ("[a]\n= 1\n", 2, "no name"),
    ],
)
def test_errors_name_the_line(text: str, line: int, words: str) -> None:
    with pytest.raises(InvalidProject, match=f"p/x.ini:{line}: ") as failure:
        ini.parse(text, "p/x.ini")
    assert words in str(failure.value)
    assert failure.value.line == line


def test_a_byte_order_mark_is_no_part_of_the_file() -> None:
    assert list(ini.parse("\ufeff[a]\n", "x.ini")) == ["a"]
