"""Arduino recipe patterns to argument vectors. Pure; no shell is ever asked.

Source: the Arduino platform specification, "Recipes", and how arduino-cli splits them.

Rules
- A quote opens only at the start of a word and closes only at the end of one; it has no escapes,
  so `-DNAME="x"` keeps its quotes and `'-DNAME="x"'` loses the outer ones.
- Empty words are dropped. References that nothing defines vanish.
- Values that we fill in (paths, the user's flags) stay whole, whatever is in them: they travel
  through expansion and splitting with their spaces, quotes and braces in private-use characters.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from fbuild_watch.errors import InvalidProject
from fbuild_watch.project import properties as props

_SPECIAL = " \t'\"{}"
_PROTECT = {ord(char): 0xE000 + index for index, char in enumerate(_SPECIAL)}
_RESTORE = {hidden: char for char, hidden in _PROTECT.items()}
_LIST = "\ue010"
_WORD = re.compile(r"""(?:(["'])(?P<quoted>.*?)\1|(?P<bare>\S+))(?=\s|$)""")

Value = str | Path | Sequence[str | Path]


def protect(value: str | Path) -> str:
    """A text that expansion and splitting leave whole."""
    return str(value).translate(_PROTECT)


def split(text: str) -> list[str]:
    """Split an expanded pattern into words. Raises ValueError for a quote that never closes."""
    words = []
    for match in _WORD.finditer(text):
        bare = match["bare"]
        if bare is not None and bare[0] in "\"'":
            raise ValueError(f"the quote in {bare!r} is never closed")
        word = match["quoted"] if bare is None else bare
        if word.strip():
            words.append(word)
    return words


_SOURCE, _OBJECT = "\ue011", "\ue012"


@dataclass(frozen=True)
class Template:
    """A compile command that still lacks its source and its object: expanded once, filled often."""

    words: tuple[str, ...]

    def argv(self, source: str, object_file: str) -> tuple[str, ...]:
        """The command for one file."""
        words = list(self.words)
        for index in self.open:
            words[index] = words[index].replace(_SOURCE, source).replace(_OBJECT, object_file)
        return tuple(words)

    @cached_property
    def open(self) -> list[int]:
        """The places of the words that a file fills."""
        return [i for i, word in enumerate(self.words) if _SOURCE in word or _OBJECT in word]


@dataclass(frozen=True, slots=True)
class Recipes:
    """The recipes of a platform for one board, with all properties but the per-file ones."""

    properties: Mapping[str, str]
    path: str
    """The platform.txt, for words."""

    def get(self, name: str, default: str = "") -> str:
        """A property, expanded, as plain text; `default` where it is absent."""
        value = self.properties.get(name)
        return default if value is None else _restore(self._expand(value, self.properties))

    def number(self, name: str) -> int:
        """A property as a number, 0 where it is absent. Raises InvalidProject."""
        text = self.get(name) or "0"
        try:
            return int(text, 0)
        except ValueError as error:
            raise InvalidProject(f"{name}={text} is not a number", path=self.path) from error

    def argv(self, recipe: str, **values: Value) -> tuple[str, ...]:
        """The command of a recipe ("recipe.c.o"), with the values of this one file filled in.

        A sequence fills the word that refers to it with one word for each item.
        Raises InvalidProject for a missing or broken recipe.
        """
        scalars = {name: _fill(name, value) for name, value in values.items()}
        words = self._words(recipe, scalars, undefined="")
        return tuple(argument for word in words for argument in _arguments(word, values))

    def template(self, recipe: str, **values: Value) -> Template:
        """The command of a recipe that compiles, for any source and object.

        Raises InvalidProject for a missing or broken recipe.
        """
        return Template(self.argv(recipe, source_file=_SOURCE, object_file=_OBJECT, **values))

    def program(self, recipe: str) -> tuple[str, bool]:
        """The program that a recipe starts, and whether everything in its name is defined."""
        word = next(iter(self._words(recipe, {}, undefined=None)), "")
        return _restore(word), not props.REFERENCE.search(word)

    def _words(self, recipe: str, scalars: Mapping[str, str], undefined: str | None) -> list[str]:
        """A pattern's words; references that nothing defines become `undefined` (None: stay)."""
        key = f"{recipe}.pattern"
        if key not in self.properties:
            raise InvalidProject(f"there is no {key}", path=self.path)
        text = self._expand(self.properties[key], {**self.properties, **scalars})
        if undefined is not None:
            text = props.REFERENCE.sub(undefined, text)
        try:
            return split(text)
        except ValueError as error:
            raise InvalidProject(f"{key}: {error}", path=self.path) from error

    def _expand(self, text: str, properties: Mapping[str, str]) -> str:
        return props.expand(text, properties, self.path)


def _fill(name: str, value: Value) -> str:
    return protect(value) if isinstance(value, str | Path) else f"{_LIST}{name}{_LIST}"


def _arguments(word: str, values: Mapping[str, Value]) -> list[str]:
    if word.startswith(_LIST) and word.endswith(_LIST):
        return [str(item) for item in values[word.strip(_LIST)]]  # type: ignore[union-attr]
    return [_restore(word)]


def _restore(text: str) -> str:
    return text.translate(_RESTORE)
