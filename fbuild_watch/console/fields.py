"""Numbers in a board's lines, by name: what `:plot` draws. Pure.

Forms, the first that fits
- `name:value`, `name: value`, `name=value`, anywhere in a line, with or without a unit: the Arduino
  IDE's plotter, and what people log by hand.
- Numbers alone, between commas, semicolons, tabs or blanks: named by the header line that came
  before, if it has as many columns, else by their place: `1`, `2` ...
Times of day, addresses (0x...) and versions are no fields, nor is what a ROM and ESP-IDF's loader say
at each start.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_PAIR = re.compile(
    rf"(?<![\w:.=])([^\W\d][\w/%-]*(?:\.[\w/%-]+)*)\s?[:=]\s?({_NUMBER})(?=\s?[^\W\d]*[%°]?[^\W\d]*(?:[\s,;)\]]|\Z))"
)
_ADDRESS = re.compile(r"0[xX]")
_AT_START = re.compile(
    r"mode:\w+, clock div:|load:0x|configsip: |(?:ets .*,)?rst cause:"
    r"|[EWI] \(\d+\) (?:boot\.\w+|esp_image|cpu_start|app_init):"
)
_SEPARATORS = re.compile(r"\s*[,;\t]\s*|\s+")
_COLUMNS = re.compile(r"\s*[,;\t]\s*")
_VALUE = re.compile(rf"{_NUMBER}\Z")
_NAME = re.compile(r"[^\W\d][\w /.%°()\[\]-]*\Z")

MOST_FIELDS = 64
"""Of one line: more is no measurement."""

LARGEST = 1e100
"""A number beyond it is noise on the line."""


class FieldReader:
    """Reads line after line, and remembers a header."""

    def __init__(self) -> None:
        """No header yet."""
        self._header: tuple[str, ...] = ()

    def read(self, line: str) -> dict[str, float]:
        """The numbers of a line without escape sequences, by name; none if it has none."""
        line = line.strip()
        return {} if _AT_START.match(line) else _pairs(line) or self._columns(line)

    def _columns(self, line: str) -> dict[str, float]:
        parts = _SEPARATORS.split(line.rstrip(",; \t"))
        if len(parts) > MOST_FIELDS:
            return {}
        if all(_VALUE.match(part) for part in parts):
            known = self._header if len(self._header) == len(parts) else ()
            names = known or tuple(str(number) for number in range(1, len(parts) + 1))
            return _drawable(zip(names, map(float, parts), strict=True))
        titles = tuple(_COLUMNS.split(line))
        if 1 < len(titles) == len(set(titles)) and all(map(_NAME.match, titles)):
            self._header = titles
        return {}


def _pairs(line: str) -> dict[str, float]:
    found = [
        (pair[1], float(pair[2]))
        for pair in _PAIR.finditer(line)
        if not _ADDRESS.match(line, pair.start(2))
    ]
    return _drawable(found[:MOST_FIELDS])


def _drawable(found: Iterable[tuple[str, float]]) -> dict[str, float]:
    """Without what plotext fails on: infinity (1e999), a range that is, and the decimals of 1e-310."""
    return {
        name: value if abs(value) >= 1 / LARGEST else 0.0
        for name, value in found
        if abs(value) <= LARGEST
    }
