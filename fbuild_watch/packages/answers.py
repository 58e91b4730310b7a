"""What a server's answer to a request for a (rest of a) file means. Pure.

Rules (RFC 9110, sections 13.1.5, 14.2, 15.3.7)
- A rest is asked for with Range and If-Range: a server whose file has changed sends it all.
- An answer of 206 is believed only if it starts where it was asked to and is still of the same
  version; anything else, and 416, means: from the start.
- Overload and failures of a gateway pass; they are worth another try. Other refusals are not.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

_PASSING = frozenset((408, 425, 429, 500, 502, 503, 504))
_LONGEST_WAIT_S = 10.0


@dataclass(frozen=True, slots=True)
class Body:
    """The bytes that follow belong at `offset`."""

    offset: int


@dataclass(frozen=True, slots=True)
class Unchanged:
    """What we have is still right (304)."""


@dataclass(frozen=True, slots=True)
class Restart:
    """What we have is of no use: ask for the whole."""

    reason: str


@dataclass(frozen=True, slots=True)
class Passing:
    """It may go better in a while."""

    reason: str
    wait_s: float = 0.0
    """How long the server wants us to wait."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """It will not go better."""

    reason: str


Answer = Body | Unchanged | Restart | Passing | Refusal


def judge(
    status: int, phrase: str, headers: Mapping[str, str], offset: int, version: str
) -> Answer:
    """What an answer means to somebody who has `offset` bytes of the file's `version` already."""
    words = f"{status} {phrase}".strip()
    if status == 200:
        return Body(0)
    if status == 304:
        return Unchanged()
    if status == 206:
        return _judge_rest(headers, offset, version)
    if status == 416 and offset:
        return Restart(words)
    if status in _PASSING:
        return Passing(words, _wait(headers.get("retry-after", "")))
    return Refusal(words)


def version_of(headers: Mapping[str, str]) -> str:
    """What names this version of the file and may stand in If-Range; "" where nothing does."""
    etag = headers.get("etag", "")
    if etag and not etag.startswith("W/"):
        return etag
    return headers.get("last-modified", "")


def _judge_rest(headers: Mapping[str, str], offset: int, version: str) -> Answer:
    found = headers.get("content-range", "")
    match = re.fullmatch(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18}|\*)", found.strip())
    if match is None or int(match[1]) != offset:
        reason = f"the server sent another range than asked for ({found!r})"
        return Restart(reason) if offset else Refusal(reason)
    if version and version_of(headers) not in ("", version):
        return Restart("the file has changed on the server")
    return Body(offset)


def _wait(text: str) -> float:
    """Retry-After in seconds; as a date it is not read: our own pauses do."""
    return min(float(text), _LONGEST_WAIT_S) if re.fullmatch(r"\d{1,9}", text) else 0.0
