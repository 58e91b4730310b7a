"""What Tab offers: commands, their arguments, files, and words that the board printed."""

from __future__ import annotations

from pathlib import Path

import pytest
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document

from fbuild_watch.console.commands import COMMANDS
from fbuild_watch.console.complete import MOST_WORDS, ConsoleCompleter, words_that_begin
from fbuild_watch.console.session import Clocks, Session
from fbuild_watch.model import DeviceText


@pytest.fixture
def session() -> Session:
    return Session(Clocks(lambda: 0.0, 0.0), lambda _given: None)


def offered(session: Session, text: str) -> list[str]:
    """The line as each completion would make it."""
    found = ConsoleCompleter(session).get_completions(Document(text), CompleteEvent())
    return [text[: len(text) + each.start_position] + each.text for each in found]


def test_commands_and_their_arguments(session: Session) -> None:
    assert offered(session, ":") == [f":{name}" for name in COMMANDS]
    assert offered(session, ":re") == [":rebuild", ":reset", ":resume"]
    assert offered(session, ":help fil") == [":help filter"]
    assert offered(session, ":dtr ") == [":dtr on", ":dtr off"]
    assert offered(session, ":timestamps a") == [":timestamps absolute"]
    assert offered(session, ":baud 1152") == [":baud 115200"]
    assert offered(session, ":nothing x") == []
    assert offered(session, ":quit ") == []


def test_files_and_how_they_are_sent(session: Session, tmp_path: Path) -> None:
    (tmp_path / "app.bin").touch()
    assert offered(session, f":send {tmp_path}/a") == [f":send {tmp_path}/app.bin"]
    assert offered(session, f":log on {tmp_path}/a") == [f":log on {tmp_path}/app.bin"]
    assert f":send {tmp_path}/app.bin ymodem" in offered(session, f":send {tmp_path}/app.bin y")


def test_words_of_the_board_the_newest_first(session: Session) -> None:
    for text in ("heap.free=1 heap_old", "\x1b[32mheap_new\x1b[0m: heap_old", "other"):
        session.backlog.add(DeviceText(text, complete=True, at=0.0))
    assert offered(session, "get hea") == ["get heap_new", "get heap_old", "get heap.free"]
    assert offered(session, "::hea")[0] == "::heap_new"
    assert offered(session, "get ") == []
    assert offered(session, "get heap_new") == []


def test_words_are_bounded_and_none_is_a_number() -> None:
    lines = [f"word{number} 12345" for number in range(10_000)]
    assert MOST_WORDS <= len(words_that_begin("word", lines)) <= MOST_WORDS + 1
    assert words_that_begin("12", lines) == []
