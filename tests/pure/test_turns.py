"""Who waits for whom: read off the source.

A lock that guards data is never held while something is waited for: here are none, for what tasks share
is changed between two awaits. What there is are *turns*: the right to use a thing that does one thing at a
time. Whoever waits for a turn waits for that thing, and I/O is what the turn is for.

No two can wait for each other: turns are taken in the order of ORDER, outermost first.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import fbuild_watch

PACKAGE = Path(fbuild_watch.__file__).parent
KINDS = (
    "Turns",
    "Lock",
    "RLock",
    "StrictFIFOLock",
    "Semaphore",
    "BoundedSemaphore",
    "CapacityLimiter",
)

ORDER = {
    "daemon/process.py:_turns": "a project: of two who ask for it to be watched, one loads it",
    "daemon/warm.py:_turns": "a project that is not watched: one build at a time",
    "daemon/turns.py:turn": "by name, for the two above and ports",
    "app.py:_building": "a watched project: one build at a time, which has ended its compilers",
    "daemon/boards.py:_turns": "a port that is not open here: one visitor at a time",
    "board/port.py:_turn": "a board's open port: the console, or one who has borrowed it",
    "board/port.py:_typing": "typing to a board: a file is sent whole, and what is typed meanwhile after it",
    "board/port.py:_sending": "a port's output: a piece is sent whole before the port is lent",
    "serial/port_tcp.py:_sending": "a socket's output: in the order in which it was given",
    "build/aside.py:_one": "a builder's files: one thread at a time looks at them",
    "packages/session.py:limit": "the network: so many downloads at once",
    "virtual/server.py:_turn": "the virtual board: one client at a time, as on a cable",
}

OF_THREADS = {
    "pipeline.py:_planning": "the planner's memory, for the watcher's thread and the build's",
    "processes/group_posix.py:_making": "a group's keeper, for two first commands at once",
    "processes/group_windows.py:_making": "as above, for the job",
    "console/backlog.py:_lock": "what the screen has shown, for its thread and trio's",
    "serial/port_windows.py:_reading": "pyserial's handle: one read at a time",
    "serial/port_windows.py:_writing": "and one write",
}
"""In threads, where waiting for each other stops no event loop."""


def locks(path: Path) -> Iterator[str]:
    """The names that a module gives to its locks."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            made = [_word(part) for part in ast.walk(node.value)]
            if any(word in KINDS for word in made):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                yield from (_word(part) for target in targets for part in _parts(target))


def _parts(target: ast.expr) -> list[ast.expr]:
    return target.elts if isinstance(target, ast.Tuple) else [target]


def _word(node: ast.AST) -> str:
    return getattr(node, "attr", "") or getattr(node, "id", "")


def test_every_lock_is_a_turn_with_a_reason() -> None:
    found = {
        f"{path.relative_to(PACKAGE).as_posix()}:{name}"
        for path in PACKAGE.rglob("*.py")
        for name in locks(path)
    }
    assert found == {*ORDER, *OF_THREADS}


def awaits_inside(path: Path) -> Iterator[int]:
    """Lines with an await in a plain `with` over a lock of a thread."""
    names = {name.partition(":")[2] for name in OF_THREADS}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.With) and any(
            _word(item.context_expr) in names for item in node.items
        ):
            yield from (part.lineno for part in ast.walk(node) if isinstance(part, ast.Await))


def test_no_task_waits_with_a_lock_of_threads() -> None:
    assert [
        (path.name, line) for path in PACKAGE.rglob("*.py") for line in awaits_inside(path)
    ] == []


def test_both_looks_see_what_they_look_for(tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    module.write_text(
        "class A:\n    def __init__(self):\n        self._a, self._b = trio.Lock(), Event()\n"
        "        self.c = defaultdict(trio.Lock)\n\n"
        "    async def f(self):\n        with self._planning:\n            await f()\n"
    )
    assert {"_a", "c"} <= set(locks(module))
    assert list(awaits_inside(module)) == [8]
