"""Completion of what is typed: commands, their arguments, and words that the board printed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from prompt_toolkit.completion import CompleteEvent, Completer, Completion, PathCompleter
from prompt_toolkit.document import Document

from fbuild_watch.console.session import Session
from fbuild_watch.text.ansi import plain

SEARCHED_LINES = 2000
"""The newest lines whose words are offered: looked through at a key, in some ms."""

MOST_WORDS = 100

_WORD = re.compile(r"[^\W\d][\w.:/-]*\w")
_TYPED_WORD = re.compile(r"[^\W\d][\w.:/-]*\Z")


class ConsoleCompleter(Completer):
    """Looks at a session's commands and scrollback."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._paths = PathCompleter(expanduser=True)

    def get_completions(
        self, document: Document, complete_event: CompleteEvent
    ) -> Iterable[Completion]:
        """What fits before the cursor."""
        text = document.text_before_cursor
        if not text.startswith(":") or text.startswith("::"):
            yield from self._words(text)
            return
        name, blank, argument = text[1:].partition(" ")
        if not blank:
            yield from self._commands(name)
        elif name in ("send", "log"):
            path = argument.removeprefix("on ")
            yield from self._paths.get_completions(Document(path), complete_event)
            yield from self._choices(name, argument)
        else:
            yield from self._choices(name, argument)

    def _commands(self, typed: str) -> Iterator[Completion]:
        for name, entry in self._session.plugins.entries.items():
            if name.startswith(typed):
                meta = f"{entry.usage}  {entry.help}" if entry.usage else entry.help
                yield Completion(name, -len(typed), display_meta=meta)

    def _choices(self, name: str, argument: str) -> Iterator[Completion]:
        entry = self._session.plugins.entries.get(name)
        if name == "help":
            yield from self._commands(argument)
        elif entry is not None:
            word = argument.rpartition(" ")[2]
            for choice in entry.choices:
                if choice.startswith(word):
                    yield Completion(choice, -len(word))

    def _words(self, text: str) -> Iterator[Completion]:
        typed = _TYPED_WORD.search(text)
        if typed:
            self._session.take_in()
            said = (line.text for line in reversed(self._session.scrollback.last(SEARCHED_LINES)))
            for word in words_that_begin(typed[0], said):
                yield Completion(word, -len(typed[0]))


def words_that_begin(typed: str, lines: Iterable[str]) -> list[str]:
    """The words of `lines` that go on from `typed`, each once, in the order in which they come."""
    found: dict[str, None] = {}
    for line in lines:
        if typed in line:
            for word in _WORD.findall(plain(line)):
                if word.startswith(typed) and word != typed:
                    found[word] = None
        if len(found) >= MOST_WORDS:
            break
    return list(found)
