"""The console without a terminal: lines to one stream, fbuild's words to another, and what decides.

Rules
- What the board says is printed as it comes, a prompt without newline too, and is written at once:
  what waits together is one write.
- Nothing is taken from the stream after what decided.
- A reader of the output that goes away (a closed pipe) ends the console quietly.
"""

from __future__ import annotations

from math import inf

import trio

from fbuild_watch.console.goals import Goals
from fbuild_watch.console.printed import Printed
from fbuild_watch.errors import FbuildError
from fbuild_watch.model import ConsoleInput, ConsoleItem, DeviceText, Notice

_MOST = 1000
"""Items that are shown at a time: a board that never pauses is shown all the same."""


async def run_headless(
    items: trio.MemoryReceiveChannel[ConsoleItem],
    inputs: trio.MemorySendChannel[ConsoleInput],
    goals: Goals,
    printed: Printed,
    *,
    timeout: float | None = None,  # noqa: ASYNC109 - it decides the outcome, it is no plain cancellation
    from_proof: bool = False,
) -> None:
    """Show `items` until the goals are met, until `timeout` seconds passed, or until they end.

    `from_proof`: goals count from the first `Notice.proven` on, not for an older firmware.

    Raises: ExpectTimeout when something is still missing then, FailMatched and PatternTooSlow at once.
    """
    run = _Run(items, inputs, goals, printed)
    try:
        try:
            await run.until_done(inf if timeout is None else timeout, from_proof)
        except FbuildError as error:
            await printed.end(error)
            raise
        await printed.end(None)
    except BrokenPipeError:
        return


class _Run:
    def __init__(
        self,
        items: trio.MemoryReceiveChannel[ConsoleItem],
        inputs: trio.MemorySendChannel[ConsoleInput],
        goals: Goals,
        printed: Printed,
    ) -> None:
        self._items = items
        self._inputs = inputs
        self._goals = goals
        self._printed = printed
        self._counts = False

    async def until_done(self, timeout: float, from_proof: bool) -> None:  # noqa: ASYNC109 - see above
        began = trio.current_time()
        if not from_proof:
            await self._send(self._begin())
        while not self._goals.done:
            with trio.move_on_at(min(began + timeout, self._goals.deadline)) as waiting:
                try:
                    first = await self._items.receive()
                except trio.EndOfChannel:
                    break
            if waiting.cancelled_caught:
                break
            await self._show_from(first)
        if (error := self._goals.unmet(began, trio.current_time())) is not None:
            raise error

    def _begin(self) -> list[ConsoleInput]:
        self._counts = True
        return self._goals.begin(trio.current_time())

    async def _show_from(self, first: ConsoleItem) -> None:
        """Show what waits, up to what decides or asks for an answer; then give the answer."""
        shown, sent = [first], list[ConsoleInput]()
        try:
            sent = self._judge(first)
            while not sent and not self._goals.done and len(shown) < _MOST:
                shown.append(self._items.receive_nowait())
                sent = self._judge(shown[-1])
        except (trio.WouldBlock, trio.EndOfChannel):
            pass
        finally:
            await self._printed.show(shown)
        await self._send(sent)

    def _judge(self, item: ConsoleItem) -> list[ConsoleInput]:
        if not self._counts:
            proof = isinstance(item, Notice) and item.proven is not None
            return self._begin() if proof else []
        return self._goals.see(item, trio.current_time()) if isinstance(item, DeviceText) else []

    async def _send(self, inputs: list[ConsoleInput]) -> None:
        for given in inputs:
            await self._inputs.send(given)
