"""Depfiles: what compilers write, and every way to write a name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fbuild_watch.build import depfile


@pytest.mark.parametrize(
    ("text", "inputs"),
    [
        ("a.o: a.c a.h\n", ("a.c", "a.h")),
        ("a.o: a.c \\\n b.h \\\r\n  c.h\r\n", ("a.c", "b.h", "c.h")),
        ("a.o a.d: a.c\n", ("a.c",)),
        ("a.o: a.c a.h\n\na.h:\n\nb.h:\n", ("a.c", "a.h")),
        ("a.o: a.c\nb.o: b.c a.c\n", ("a.c", "b.c")),
        ("a.o : a.c\n", ("a.c",)),
        ("a.o:\n", ()),
        ("", ()),
        (r"a.o: with\ space.c two\ \ spaces.h", ("with space.c", "two  spaces.h")),
        (r"a.o: hash\#.c dollar$$.h one$.h", ("hash#.c", "dollar$.h", "one$.h")),
        (r"C:\x\a.o: C:\x\a.c D:/y.h", (r"C:\x\a.c", "D:/y.h")),
        (r"c\:/a.o: c\:/a.c", ("c:/a.c",)),
        (r"a.o: one\\\ name.c back\\ slashes.c", ("one\\ name.c", "back\\\\", "slashes.c")),
        ("a.o: ünï.c /a:b/c:d.h\n", ("ünï.c", "/a:b/c:d.h")),
    ],
)
def test_known_forms(text: str, inputs: tuple[str, ...]) -> None:
    assert depfile.parse(text) == inputs


@pytest.mark.parametrize("text", ["no colon here", "a.c\n", "only\\ one"])
def test_what_is_no_depfile_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="has no target"):
        depfile.parse(text)


def as_gcc_writes(name: str) -> str:
    """A name as gcc's munge() quotes it: backslashes before a space are doubled, it gets one."""
    out = ""
    for at, char in enumerate(name):
        if char in " \t":
            before = name[:at]
            out += "\\" * (len(before) - len(before.rstrip("\\"))) + "\\"
        out += {"$": "$$", "#": "\\#"}.get(char, char)
    return out


letters = st.sampled_from("ab./\\ #$é-+:")
names = st.text(letters, min_size=1, max_size=12).filter(
    # make has no way to write these: a name that ends in a backslash or a colon, a backslash
    # before `#` or `:` (an escape), a space at an end
    lambda name: (
        name == name.strip()
        and not name.endswith(("\\", ":"))
        and not any(pair in name for pair in ("\\#", "\\:", ": "))
    )
)


@given(st.lists(names, min_size=1, max_size=6), st.sampled_from([" ", " \\\n ", " \\\r\n  "]))
def test_every_name_comes_back(inputs: list[str], between: str) -> None:
    text = "out.o: " + between.join(as_gcc_writes(name) for name in inputs) + "\n"
    assert depfile.parse(text) == tuple(dict.fromkeys(inputs))


@given(st.text(st.sampled_from("ab\\ :#$\r\n\t"), max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        found = depfile.parse(text)
    except ValueError:
        return
    assert all(found)
