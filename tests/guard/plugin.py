"""The guard in every test: this process's event loops, and those of each `fbuild` that it starts."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.guard.blocking_calls import Guard
from tests.guard.named_places import NAMED

_seen: list[str] = []
_of_others = Path(tempfile.gettempdir(), f"fbuild-guard-{os.getpid()}")
"""Is there only when something was seen."""


def begin() -> None:
    """Watch this process, and those that it starts."""
    Guard(_seen.append, NAMED).install()
    os.environ["FBUILD_TEST_BLOCKING"] = str(_of_others)
    folders = [str(Path(__file__).parent), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, folders))


@pytest.fixture(autouse=True)
def nothing_blocks() -> Iterator[None]:
    """Fail a test in which fbuild made a call in its event loop that can block."""
    yield
    if seen := take():
        words = "\n".join(dict.fromkeys(seen))
        pytest.fail(f"{len(seen)} calls that can block, in an event loop:\n{words}", pytrace=False)


def take() -> list[str]:
    """What was seen since this was last asked, in words."""
    seen = [*_seen, *_take_others()]
    _seen.clear()
    return seen


def _take_others() -> list[str]:
    if not _of_others.exists():
        return []
    aside = _of_others.with_suffix(".taken")
    _of_others.replace(aside)
    text = aside.read_text(errors="replace")
    aside.unlink()
    return [text] if text else []
