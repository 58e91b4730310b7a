"""Watches a project's folders and says when something in them changed and has come to rest.

Folders are watched, not files: an atomic save replaces the file. What changed is only a hint;
the build looks at the content. The project folder itself is watched without its subfolders, for
`platformio.ini` and for source folders that vanish and come back (a branch switch), so that the
build's own outputs make no events.

Why not watchfiles' defaults: its debounce of 1600 ms and its steps of 50 ms cost more than a
compile. Its own quiet test counts paths, so a file that is written in pieces passes it; `_at_rest`
looks at the files themselves (watchfiles#360).

watchfiles looks for events by sleeping, so each watch wakes a processor at each step, whether anything
happens or not. Hence few watches, and long steps where nobody has edited for a while.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from contextlib import aclosing, suppress
from dataclasses import dataclass
from functools import partial
from itertools import islice
from os import stat_result
from pathlib import Path

import trio
from watchfiles import DefaultFilter, awatch
from watchfiles._rust_notify import WatchfilesRustInternalError

STEP_MS = 2
"""How often the kernel's events are looked for and, once the first has come, collected."""

CALM_S = 120.0
CALM_STEP_MS = 50
"""So long after the last event they are looked for so seldom, until the next."""

DEBOUNCE_MS = 20
"""The longest collection; what comes later is a batch of its own, and overtakes the first."""

REST_S = 0.004
REST_CAP_S = 0.2
"""A batch is passed on when its files did not change for REST_S, or after REST_CAP_S anyway."""

LONGEST_AGE_S = 5.0
"""A file that was written longer ago was moved or touched now, not saved."""

AGES = 16
"""So many files of a batch say when it was written."""

Changes = frozenset[Path]


class _Filter(DefaultFilter):
    """watchfiles' own list of noise (editors' temporary files, .git), and build outputs."""

    ignore_dirs = (*DefaultFilter.ignore_dirs, ".fbuild", ".pio")


async def watch(
    project_dir: Path,
    roots: Callable[[], Collection[Path]],
    send: Callable[[Changes], None],
    *,
    beside: Callable[[], Collection[Path]] = frozenset,
    asked: trio.MemoryReceiveChannel[None] | None = None,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Call `send` with each batch of changed paths until cancelled.

    `roots()` are watched with all that is below them; it is asked again (in a thread) when
    something in the project folder itself changes, so a root that vanishes and comes back, or one
    that a changed platformio.ini names, is picked up; and whenever something comes on `asked`.
    What `beside` gives, asked after each `roots()`, is watched without what is below it.
    Once started, no later change is missed.
    """
    first = True

    def look() -> tuple[_Wanted, _Wanted]:
        """What is wanted, and what of it is there."""
        wanted = _Wanted(frozenset(roots()), frozenset(beside()))
        return wanted, wanted.present()

    while True:
        wanted, present = await trio.to_thread.run_sync(look)
        async with trio.open_nursery() as nursery:
            notes, batches = trio.open_memory_channel[Changes](math.inf)
            below = _Below(wanted.folders, send, nursery.cancel_scope.cancel)
            if present.roots:
                await nursery.start(_follow, present.roots, True, below)
            apart = _Apart(project_dir, notes.send_nowait, below)
            await nursery.start(_follow, {project_dir, *present.beside}, False, apart)
            if asked is not None:
                nursery.start_soon(_pass_on, asked, notes)
            if first:
                task_status.started()
                first = False
            else:
                send(present.folders)  # what appeared before the new watches were set up
            await _until_roots_change(wanted, present, look, batches, send)
            nursery.cancel_scope.cancel()


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What is to be watched: with all that is below it, and without."""

    roots: Changes
    beside: Changes

    @property
    def folders(self) -> Changes:
        """All of it."""
        return self.roots | self.beside

    def present(self) -> _Wanted:
        """What of it is there."""
        return _Wanted(_present(self.roots), _present(self.beside))


async def _until_roots_change(
    wanted: _Wanted,
    present: _Wanted,
    look: Callable[[], tuple[_Wanted, _Wanted]],
    batches: trio.MemoryReceiveChannel[Changes],
    send: Callable[[Changes], None],
) -> None:
    """Pass on what happens beside the roots until the watches have to be set up anew."""
    if await trio.to_thread.run_sync(wanted.present) != present:
        return
    async for batch in batches:
        if batch:
            send(batch)
        if _holds_a_root(batch, wanted.folders):
            return
        if await trio.to_thread.run_sync(look) != (wanted, present):
            return


async def _pass_on(
    asked: trio.MemoryReceiveChannel[None], beside: trio.MemorySendChannel[Changes]
) -> None:
    """Turn each question for the roots into a batch without changes."""
    async for _ in asked:
        beside.send_nowait(frozenset())


@dataclass(frozen=True, slots=True)
class _Below:
    """Passes on what happens below the roots; one that goes is looked for anew.

    It may go before the project folder is watched, so what is seen there is not enough.
    """

    wanted: Collection[Path]
    send: Callable[[Changes], None]
    start_again: Callable[[], None]

    def __call__(self, batch: Changes) -> None:
        self.send(batch)
        if _holds_a_root(batch, self.wanted):
            self.start_again()


@dataclass(frozen=True, slots=True)
class _Apart:
    """Tells what happens in the project folder itself from what happens in others."""

    project_dir: Path
    here: Callable[[Changes], None]
    elsewhere: Callable[[Changes], None]

    def __call__(self, batch: Changes) -> None:
        here = frozenset(path for path in batch if self.project_dir in (path, path.parent))
        if here:
            self.here(here)
        if batch - here:
            self.elsewhere(batch - here)


def _holds_a_root(batch: Changes, roots: Collection[Path]) -> bool:
    """Whether a root, or a folder above one, came or went: its old watch sees nothing any more.

    Comparing which roots exist is not enough: a folder may be gone and back within one batch.
    """
    return any(path == root or path in root.parents for root in roots for path in batch)


async def _follow(
    folders: Collection[Path],
    recursive: bool,
    send: Callable[[Changes], None],
    task_status: trio.TaskStatus[None],
) -> None:
    """Watch, in steps as short as they are of use."""
    heard, batches = trio.open_memory_channel[Changes](math.inf)
    async with trio.open_nursery() as nursery:
        listen = partial(nursery.start, _listen, folders, recursive, heard.send_nowait)
        step, listening = STEP_MS, await listen(STEP_MS)
        task_status.started()
        while True:
            batch: Changes = frozenset()
            with trio.move_on_after(CALM_S if step == STEP_MS else math.inf):
                batch = await batches.receive()
            with suppress(trio.WouldBlock):  # what came while the last one came to rest
                while True:
                    batch |= batches.receive_nowait()
            if batch:
                send(await _at_rest(batch))
            before, step = step, STEP_MS if batch else CALM_STEP_MS
            if step != before:  # for a moment there are two: nothing is missed
                ended, listening = listening, await listen(step)
                ended.cancel()


async def _listen(
    folders: Collection[Path],
    recursive: bool,
    send: Callable[[Changes], None],
    step_ms: int,
    task_status: trio.TaskStatus[trio.CancelScope],
) -> None:
    stop = trio.Event()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_set_when_cancelled, stop)
        # awatch sets its watches up in its first step, before its first await; `started` does
        # not yield, so whoever waits for it goes on when they are there.
        task_status.started(nursery.cancel_scope)
        batches = awatch(
            *folders,
            watch_filter=_Filter(),
            debounce=DEBOUNCE_MS,
            step=step_ms,
            recursive=recursive,
            stop_event=stop,
        )
        try:
            async with aclosing(batches):
                async for batch in batches:
                    send(frozenset(Path(name) for _change, name in batch))
        except FileNotFoundError:  # a folder was gone before its watch was set up
            send(frozenset(folders))
        except ExceptionGroup as errors:
            if not _are_of_a_name(errors):
                raise
            send(frozenset(folders))


def _are_of_a_name(errors: ExceptionGroup[Exception]) -> bool:
    """Whether something has a name that is no Unicode: watchfiles ends at that, and says no more."""
    _, others = errors.split(WatchfilesRustInternalError)
    return others is None and "Unable to decode path" in str(errors.exceptions[0])


async def _set_when_cancelled(stop: trio.Event) -> None:
    """Without this a cancelled awatch blocks until its own timeout of seconds."""
    try:
        await trio.sleep_forever()
    finally:
        stop.set()


async def _at_rest(paths: Changes) -> Changes:
    """The paths of a batch, once their files stopped changing."""
    with trio.move_on_after(REST_CAP_S):
        before = await trio.to_thread.run_sync(_stats, paths)
        while True:
            await trio.sleep(REST_S)
            now = await trio.to_thread.run_sync(_stats, paths)
            if now == before:
                break
            before = now
    return paths


def age(changes: Changes, now: float) -> float:
    """Seconds since the newest of these files was written; `now` is the time of day.

    Of a storm a few are looked at. 0 where that cannot be told: a deletion, a file that came with an old time, a clock set back.
    """
    some = islice(changes, AGES)
    files = (_identity(path) for path in some if not path.is_dir())
    ages = [now - found[2] / 1e9 for found in files if found is not None]
    return min((age for age in ages if 0 <= age < LONGEST_AGE_S), default=0.0)


def _stats(paths: Changes) -> dict[Path, tuple[int, int, int] | None]:
    return {path: _identity(path) for path in paths}


def _identity(path: Path) -> tuple[int, int, int] | None:
    try:
        found: stat_result = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


def _present(roots: Collection[Path]) -> Changes:
    return frozenset(root for root in roots if root.is_dir())
