"""Scripts: what a line means, and what is said of one that means nothing."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fbuild_watch.console.script import Expect, Fail, ScriptRun, Send, load, parse
from fbuild_watch.errors import InvalidScript
from fbuild_watch.model import Command, Typed


def test_the_steps() -> None:
    text = "  # a comment\n\nexpect  a b \n timeout 0.5\nfail ^x$\r\nexpect c\nsend\nsend ü \nhex 0a0B 7f\nreset\n"
    first, fail, second, *sent = parse(text, "t", b"\n")
    assert isinstance(first, Expect)
    assert (first.where, first.pattern.pattern, first.limit) == ("t:3", "a b", 10)
    assert isinstance(fail, Fail)
    assert (fail.where, fail.pattern.pattern) == ("t:5", "^x$")
    assert isinstance(second, Expect)
    assert second.limit == 0.5
    assert sent == [
        Send(Typed(b"\n")),
        Send(Typed("ü\n".encode())),
        Send(Typed(b"\x0a\x0b\x7f")),
        Send(Command("reset")),
    ]


@pytest.mark.parametrize(
    "line",
    ["sleep 5", "expect", "expect (", "fail [", "hex 0", "hex xy", "timeout", "timeout -1",
     "timeout 0", "timeout inf", "timeout nan", "reset now", "Send x", "sendx"],
)  # fmt: skip
def test_a_line_that_is_no_step_is_named(line: str) -> None:
    with pytest.raises(InvalidScript) as caught:
        parse(f"expect ok\n{line}\n", "dir/t.txt", b"\n")
    assert str(caught.value).startswith("dir/t.txt:2: ")
    assert "expect REGEX" in caught.value.hint


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "latin").write_bytes(b"send \xe4")
    for name in ("missing", "latin", "."):
        with pytest.raises(InvalidScript) as caught:
            load(tmp_path / name, b"\n")
        assert str(tmp_path / name) in str(caught.value)
        assert "check the path" in caught.value.hint
        assert "expect REGEX" in caught.value.hint
    (tmp_path / "good").write_text("expect x\n")
    (step,) = load(tmp_path / "good", b"\n")
    assert isinstance(step, Expect)
    assert step.where == f"{tmp_path / 'good'}:1"


def test_an_empty_script_is_done() -> None:
    run = ScriptRun(parse("# nothing\n", "t", b"\n"))
    assert run.done
    assert run.begin(0) == []


@given(st.text())
def test_any_text_is_steps_or_an_invalid_script(text: str) -> None:
    with suppress(InvalidScript):
        run = ScriptRun(parse(text, "t", b"\n"))
        run.begin(0)
        assert run.done or run.deadline < 1e300
