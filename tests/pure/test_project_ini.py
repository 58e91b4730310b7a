"""The ini reader, held against configparser, which PlatformIO reads its files with."""

from __future__ import annotations

import configparser

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fbuild_watch.errors import InvalidProject
from fbuild_watch.project import ini

lines = st.one_of(
    st.sampled_from(
        ["[a]", "[b]", "[env:x]", "", "  ", "; note", "# note", "  ; deep note", "[]", "[DEFAULT]"]
    ),
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
    return {name: dict(parser._sections[name]) for name in parser.sections()} | (
        {"DEFAULT": dict(parser.defaults())} if "[DEFAULT]" in text else {}
    )


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
@example("[a]\none =\n\n  1\n  ; note\n\n  2\n\n\ntwo = 3\n")
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
        ("[DEFAULT]\nx = 1\n[a]\n[DEFAULT]\nx = 2\n", 5, "first at line 2"),
    ],
)
def test_errors_name_the_line(text: str, line: int, words: str) -> None:
    with pytest.raises(InvalidProject, match=f"p/x.ini:{line}: ") as failure:
        ini.parse(text, "p/x.ini")
    assert words in str(failure.value)
    assert failure.value.line == line


def test_a_byte_order_mark_is_no_part_of_the_file() -> None:
    assert list(ini.parse("\ufeff[a]\n", "x.ini")) == ["a"]


def test_a_later_file_overrides_and_keeps_its_own_places() -> None:
    document = ini.parse("[a]\nx = 1\ny = 1\n", "one.ini")
    ini.merge(document, ini.parse("\n[b]\n[a]\ny = 2\n", "two.ini"))
    assert list(document) == ["a", "b"]
    options = document["a"].options
    assert [(o.text, o.path, o.line) for o in options.values()] == [
        ("1", "one.ini", 2),
        ("2", "two.ini", 4),
    ]
