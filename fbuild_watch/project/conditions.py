"""Whether an `#if` expression holds, as far as that can be said: yes, no, or unknown. Pure.

Three values, because not every macro is known here: the compiler has its own, headers define more.
What is known: the macros of the command line, and that no other `ARDUINO_ARCH_*` is defined, for a
build has one architecture. Whatever needs more than that is unknown.

Not here: the full grammar. `defined`, identifiers, integers, `! && || == != < > <= >=`, brackets;
anything else makes the expression unknown.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_TOKEN = re.compile(
    r"\s*(?:(?P<number>0[xX][0-9a-fA-F]+|\d+)[uUlL]*\b|(?P<name>[A-Za-z_]\w*)"
    r"|(?P<sign>&&|\|\||==|!=|<=|>=|[!()<>])|(?P<other>\S))"
)
_CLOSED = "ARDUINO_ARCH_"
"""Macros of this family that the command line does not define are not defined."""

Macros = Mapping[str, str]


def holds(expression: str, macros: Macros) -> bool | None:
    """Whether an expression is true; None: that cannot be said."""
    tokens = [match for match in _TOKEN.finditer(expression) if match[0].strip()]
    parser = _Parser([match[0].strip() for match in tokens], macros)
    if not tokens or any(match["other"] for match in tokens):
        return None
    try:
        value = parser.either()
    except (IndexError, ValueError):
        return None
    return None if value is None or parser.rest else bool(value)


def defines(argv: tuple[str, ...]) -> dict[str, str]:
    """The macros that a command line defines with -D, and does not take back with -U."""
    macros: dict[str, str] = {}
    words = iter(argv)
    for word in words:
        kind, text = word[:2], word[2:]
        if kind in ("-D", "-U"):
            name, _, value = (text or next(words, "")).partition("=")
            if kind == "-D":
                macros[name] = value or "1"
            else:
                macros.pop(name, None)
    return macros


class _Parser:
    """Recursive descent; every value is an integer, or None for unknown."""

    def __init__(self, tokens: list[str], macros: Macros) -> None:
        self._tokens = tokens
        self._macros = macros
        self._at = 0

    @property
    def rest(self) -> bool:
        return self._at < len(self._tokens)

    def either(self) -> int | None:
        value = self._both()
        while self._take("||"):
            other = self._both()
            value = 1 if value or other else None if value is None or other is None else 0
        return value

    def _both(self) -> int | None:
        value = self._compared()
        while self._take("&&"):
            other = self._compared()
            no = 0 in (value, other)
            value = 0 if no else None if value is None or other is None else 1
        return value

    def _compared(self) -> int | None:
        left = self._single()
        for sign, compare in _COMPARE.items():
            if self._take(sign):
                right = self._single()
                return None if left is None or right is None else int(compare(left, right))
        return left

    def _single(self) -> int | None:
        token = self._next()
        if token == "!":
            value = self._single()
            return None if value is None else int(not value)
        if token == "(":
            value = self.either()
            self._expect(")")
            return value
        if token == "defined":
            return self._defined()
        if token[0].isdigit():
            return _number(token)
        if not (token[0].isalpha() or token[0] == "_") or self._peek() == "(":
            raise ValueError(token)
        return self._value(token)

    def _defined(self) -> int | None:
        bracket = self._take("(")
        name = self._next()
        if bracket:
            self._expect(")")
        if name in self._macros:
            return 1
        return 0 if name.startswith(_CLOSED) else None

    def _value(self, name: str) -> int | None:
        if name in self._macros:
            text = self._macros[name].strip("()")
            return _number(text) if re.fullmatch(r"(0[xX][0-9a-fA-F]+|\d+)[uUlL]*", text) else None
        return 0 if name.startswith(_CLOSED) else None

    def _peek(self) -> str:
        return self._tokens[self._at] if self.rest else ""

    def _next(self) -> str:
        self._at += 1
        return self._tokens[self._at - 1]

    def _take(self, token: str) -> bool:
        if self._peek() != token:
            return False
        self._at += 1
        return True

    def _expect(self, token: str) -> None:
        if not self._take(token):
            raise ValueError(token)


_COMPARE = {
    "==": int.__eq__, "!=": int.__ne__, "<=": int.__le__, ">=": int.__ge__,
    "<": int.__lt__, ">": int.__gt__,
}  # fmt: skip


def _number(text: str) -> int:
    digits = text.rstrip("uUlL")
    octal = digits.startswith("0") and digits.isdigit()
    return int(digits, 8 if octal else 0)
