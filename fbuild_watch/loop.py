"""THE LOOP: `step(state, event) -> (state, effects)`. Pure: no tasks, no files, no ports, no clock.

    save -> Edited -> Build ... Built -> Flash ... EraseBegan ... Flashed -> the console has the port

`app.py` owns one `LoopState`, carries the effects out and sends what comes of them back as events.

The state is the *pass* (idle, building, checking, writing) and, apart from it, who has the *port*
(closed, console, flasher, lost): a build goes on while the console is live. The rules:

 1. Every edit starts a new generation. What an older generation's build says is dropped.
 2. An edit ends a running build, and a check of the board that has not erased anything yet.
 3. From the first erase on a write runs to its proof. Edits wait, and become one build.
 4. A failed build changes nothing: the board keeps its firmware, the console its port.
 5. A build whose image the board has proven, on this port and since it was opened, is not flashed;
    `flash` asked for by a person always asks the board.
 6. The port has one holder. The flasher borrows it from the console and gives it back.
 7. An image that could not be delivered, because no board was there or it went away, is delivered
    when the port comes. A board that refused is not asked again before the next edit or `flash`.
 8. Leaving ends a build and a check at once; it waits for a write.
 9. While watching is paused, edits wait; asking for a rebuild builds all the same.

`TABLE` below is the whole of it; docs/architecture.md carries the diagram drawn from it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from fbuild_watch import words
from fbuild_watch.errors import ConnectionLost, FbuildError, FlashCancelled, PortLost
from fbuild_watch.model import BuildReport, Image, Notice


class Pass(StrEnum):
    """What is being done about the newest edit."""

    IDLE = "idle"
    BUILDING = "building"
    CHECKING = "checking"
    WRITING = "writing"


class PortUse(StrEnum):
    """Who has the port."""

    CLOSED = "closed"
    CONSOLE = "console"
    FLASHER = "flasher"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class LoopState:
    """Everything the loop knows."""

    stage: Pass = Pass.IDLE
    port: PortUse = PortUse.CLOSED
    generation: int = 0
    """Counts the edits."""
    image: Image | None = None
    """The newest good build."""
    wanted: bool = False
    """Whether `image` is still to be brought to the board."""
    proven: str | None = None
    """The build that the board on this port has proven to hold, since the port was opened."""
    gone: bool = False
    """Whether the console has seen the port break while the flasher had it."""
    waiting: bool = False
    """Whether edits wait: for the end of a write, or of a pause."""
    paused: bool = False
    clean: bool = False
    """Whether one of the edits that wait wants everything built anew."""
    leaving: bool = False


# --- events: what happened -----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Edited:
    """Sources, or the project file, changed. `clean`: everything is to be built anew."""

    clean: bool = False


@dataclass(frozen=True, slots=True)
class Built:
    """The build of a generation made an image."""

    generation: int
    report: BuildReport


@dataclass(frozen=True, slots=True)
class BuildBroke:
    """The build of a generation failed."""

    generation: int
    error: FbuildError


@dataclass(frozen=True, slots=True)
class EraseBegan:
    """The flasher is about to erase: there is no way back."""


@dataclass(frozen=True, slots=True)
class Flashed:
    """The board has proven that it holds the build; the console has the port again."""

    build_id: str


@dataclass(frozen=True, slots=True)
class FlashBroke:
    """The flasher gave up, or was cancelled."""

    error: FbuildError


@dataclass(frozen=True, slots=True)
class PortCame:
    """A port was found and opened."""


@dataclass(frozen=True, slots=True)
class PortWent:
    """The port broke while the console had it."""

    error: FbuildError


@dataclass(frozen=True, slots=True)
class FlashAsked:
    """A person wants the board asked and brought up to date."""


@dataclass(frozen=True, slots=True)
class ResetAsked:
    """A person wants the board reset."""


@dataclass(frozen=True, slots=True)
class PauseAsked:
    """A person wants edits to wait, or no more."""

    paused: bool


@dataclass(frozen=True, slots=True)
class BoardChanged:
    """A client of the process has had the port, and the board now holds this build (None: what
    nobody here knows).
    """

    build_id: str | None


@dataclass(frozen=True, slots=True)
class QuitAsked:
    """A person, or a signal, wants the loop to end."""


Event = (
    Edited | Built | BuildBroke | EraseBegan | Flashed | FlashBroke
    | PortCame | PortWent | FlashAsked | ResetAsked | PauseAsked | BoardChanged | QuitAsked
)  # fmt: skip


# --- effects: what to do -------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Build:
    """Build the project as it is now. A build under way is ended first."""

    generation: int
    clean: bool = False


@dataclass(frozen=True, slots=True)
class CancelBuild:
    """End the build under way and its compilers."""


@dataclass(frozen=True, slots=True)
class Flash:
    """Borrow the port from the console and bring the board up to date."""

    image: Image


@dataclass(frozen=True, slots=True)
class CancelFlash:
    """End the flasher if it has not erased anything yet."""


@dataclass(frozen=True, slots=True)
class FindPort:
    """Look for the board until it is there, then open its port."""


@dataclass(frozen=True, slots=True)
class Read:
    """Show what the board says, from now until the port is lost; the flasher borrows the port."""


@dataclass(frozen=True, slots=True)
class ResetBoard:
    """Restart the firmware."""


@dataclass(frozen=True, slots=True)
class Tell:
    """Say something in the scrollback."""

    notice: Notice


@dataclass(frozen=True, slots=True)
class Leave:
    """End the process in good order."""


Effect = Build | CancelBuild | Flash | CancelFlash | FindPort | Read | ResetBoard | Tell | Leave
Outcome = tuple[LoopState, tuple[Effect, ...]]


def step(state: LoopState, event: Event) -> Outcome:
    """What `event` makes of `state`, and what is to be done now."""
    rule = TABLE.get((state.stage, type(event)))
    if rule is None:
        return state, ()
    after, effects = rule.do(state, event)
    if after.stage is Pass.IDLE:
        after, more = _settle(after)
        effects += more
    return after, effects


def start() -> Outcome:
    """The first state: look for the board, and build what is there."""
    state, effects = step(LoopState(), Edited())
    return state, (FindPort(), *effects)


def _settle(state: LoopState) -> Outcome:
    """Idle: is there something left to do with the port as it is?"""
    if state.leaving:
        return state, () if state.port is PortUse.FLASHER else (Leave(),)
    if state.waiting and not state.paused:
        return _build(state, clean=state.clean)
    if state.wanted and state.image is not None and state.port is PortUse.CONSOLE:
        return replace(state, stage=Pass.CHECKING, port=PortUse.FLASHER), (Flash(state.image),)
    return state, ()


def _build(state: LoopState, *, clean: bool = False) -> Outcome:
    generation = state.generation + 1
    after = replace(state, stage=Pass.BUILDING, generation=generation, waiting=False, clean=False)
    return after, (Build(generation, clean),)


# --- edits ---------------------------------------------------------------------------------


def edit_starts_build(state: LoopState, event: Edited) -> Outcome:
    """Rules 1 and 9, and rule 2 for a running build: `Build` ends the one before it."""
    if state.leaving:
        return state, ()
    if state.paused and not event.clean:
        return replace(state, waiting=True), ()
    return _build(state, clean=event.clean)


def edit_ends_check(state: LoopState, event: Edited) -> Outcome:
    """Rule 2: what was being checked is no longer what is wanted. But for rule 9."""
    if state.leaving:
        return state, ()
    if state.paused and not event.clean:
        return replace(state, waiting=True), ()
    after, effects = _build(replace(state, wanted=False), clean=event.clean)
    return after, (CancelFlash(), *effects)


def edit_waits(state: LoopState, event: Edited) -> Outcome:
    """Rule 3."""
    after = replace(state, waiting=True, clean=state.clean or event.clean)
    return after, () if state.waiting else (Tell(words.edit_waits()),)


# --- builds --------------------------------------------------------------------------------


def build_done(state: LoopState, event: Built) -> Outcome:
    """Rules 1 and 5."""
    if event.generation != state.generation:
        return state, ()
    image = event.report.image
    wanted = state.wanted or image.build_id != state.proven
    after = replace(state, stage=Pass.IDLE, image=image, wanted=wanted)
    if not wanted and not event.report.linked:
        return after, ()  # a touch, or a change and back
    no_board = state.port in (PortUse.CLOSED, PortUse.LOST)
    return after, (Tell(words.built(event.report, wanted=wanted, no_board=no_board)),)


def build_broke(state: LoopState, event: BuildBroke) -> Outcome:
    """Rules 1 and 4."""
    if event.generation != state.generation:
        return state, ()
    return replace(state, stage=Pass.IDLE, wanted=False), (Tell(words.failed(event.error)),)


# --- flashing ------------------------------------------------------------------------------


def erase_began(state: LoopState, _event: EraseBegan) -> Outcome:
    """Rule 3 begins."""
    return replace(state, stage=Pass.WRITING), ()


def flash_done(state: LoopState, event: Flashed) -> Outcome:
    """Proven: the console gets the port. A build that was made meanwhile is next."""
    newer = state.image is not None and state.image.build_id != event.build_id
    proven = replace(state, stage=Pass.IDLE, proven=event.build_id, wanted=newer)
    return _give_back(proven)


def flash_done_while_building(state: LoopState, event: Flashed) -> Outcome:
    """An edit came too late to end this flash: it is proven while the next build runs."""
    return _give_back(replace(state, proven=event.build_id))


def flash_broke(state: LoopState, event: FlashBroke) -> Outcome:
    """Rule 7: a board that refused is not asked again, unless a newer build was made meanwhile."""
    newer = state.stage is Pass.IDLE and not isinstance(event.error, FlashCancelled)
    wanted = newer or (state.wanted and state.stage is Pass.IDLE)
    after, effects = flash_broke_while_building(replace(state, wanted=wanted), event)
    return replace(after, stage=Pass.IDLE), effects


def flash_broke_while_building(state: LoopState, event: FlashBroke) -> Outcome:
    """The flasher is gone. Cancelled, it has erased nothing: what was proven still is."""
    if isinstance(event.error, FlashCancelled):
        return _give_back(state)
    told = Tell(words.failed(event.error))
    unknown = replace(state, proven=None)
    if isinstance(event.error, PortLost) or _took_the_port_along(event.error):
        unknown = replace(unknown, gone=True, wanted=state.image is not None)
    after, effects = _give_back(unknown)
    return after, (told, *effects)


def _took_the_port_along(error: FbuildError) -> bool:
    return isinstance(error, ConnectionLost) and bool(error.gone)


def _give_back(state: LoopState) -> Outcome:
    """The console gets the port, or, where it broke meanwhile, it is looked for."""
    if state.gone:
        return replace(state, port=PortUse.LOST, gone=False, proven=None), (FindPort(),)
    return replace(state, port=PortUse.CONSOLE), ()


# --- the port ------------------------------------------------------------------------------


def port_came(state: LoopState, _event: PortCame) -> Outcome:
    """The console gets it; when there is something to deliver, `_settle` takes it from there."""
    back = (Tell(words.board_back()),) if state.port is PortUse.LOST else ()
    return replace(state, port=PortUse.CONSOLE, proven=None), (*back, Read())


def port_went(state: LoopState, event: PortWent) -> Outcome:
    """Another board may come back: nothing is known of it."""
    if state.port is PortUse.FLASHER:
        return replace(state, gone=True), ()  # looked for when the flasher is done
    if state.port is not PortUse.CONSOLE:
        return state, ()  # the flasher has said so already
    after = replace(state, port=PortUse.LOST, proven=None)
    return after, (Tell(words.failed(event.error)), FindPort())


# --- people --------------------------------------------------------------------------------


def flash_asked(state: LoopState, _event: FlashAsked) -> Outcome:
    """Rule 5, its second half."""
    if state.image is None:
        return state, (Tell(words.nothing_built()),)
    if state.port in (PortUse.CLOSED, PortUse.LOST):
        return replace(state, wanted=True), (Tell(words.no_board()),)
    return replace(state, wanted=True), ()


def flash_asked_while_building(state: LoopState, _event: FlashAsked) -> Outcome:
    """The build that is under way will be flashed, changed or not."""
    return replace(state, wanted=True), ()


def reset_asked(state: LoopState, _event: ResetAsked) -> Outcome:
    """Only the holder of the port may touch its lines."""
    if state.port is PortUse.CONSOLE:
        return state, (ResetBoard(),)
    busy = state.port is PortUse.FLASHER
    return state, (Tell(words.port_in_use() if busy else words.no_board()),)


def pause_asked(state: LoopState, event: PauseAsked) -> Outcome:
    """Rule 9. What has waited is built by `_settle`."""
    if event.paused == state.paused:
        return state, ()
    return replace(state, paused=event.paused), (Tell(words.paused(event.paused)),)


def board_changed(state: LoopState, event: BoardChanged) -> Outcome:
    """What the board had proven before does not count any more."""
    return replace(state, proven=event.build_id), ()


def quit_while_idle(state: LoopState, _event: QuitAsked) -> Outcome:
    """Rule 8: nothing runs, except perhaps a flasher that is being ended."""
    return replace(state, leaving=True), ()


def quit_while_building(state: LoopState, _event: QuitAsked) -> Outcome:
    """Rule 8."""
    after = replace(state, stage=Pass.IDLE, leaving=True, generation=state.generation + 1)
    return after, (CancelBuild(),)


def quit_while_checking(state: LoopState, _event: QuitAsked) -> Outcome:
    """Rule 8: the flasher answers with FlashBroke or, just too late, with Flashed."""
    return replace(state, leaving=True, wanted=False), (CancelFlash(),)


def quit_while_writing(state: LoopState, _event: QuitAsked) -> Outcome:
    """Rule 8: a half-written board is the one thing nobody wants."""
    return replace(state, leaving=True), (Tell(words.finishing_write()),)


# --- the table -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Rule:
    """What to do, and which stages it may lead to (before `_settle`)."""

    do: Callable[[LoopState, Any], Outcome]
    leads_to: frozenset[Pass]


def _rule(do: Callable[[LoopState, Any], Outcome], *leads_to: Pass) -> Rule:
    return Rule(do, frozenset(leads_to))


_I, _B, _C, _W = Pass.IDLE, Pass.BUILDING, Pass.CHECKING, Pass.WRITING

TABLE: dict[tuple[Pass, type], Rule] = {
    (_I, Edited): _rule(edit_starts_build, _B, _I),
    (_B, Edited): _rule(edit_starts_build, _B),
    (_C, Edited): _rule(edit_ends_check, _B, _C),
    (_W, Edited): _rule(edit_waits, _W),
    (_B, Built): _rule(build_done, _I, _B),
    (_B, BuildBroke): _rule(build_broke, _I, _B),
    (_C, EraseBegan): _rule(erase_began, _W),
    (_I, Flashed): _rule(flash_done, _I),
    (_B, Flashed): _rule(flash_done_while_building, _B),
    (_C, Flashed): _rule(flash_done, _I),
    (_W, Flashed): _rule(flash_done, _I),
    (_I, FlashBroke): _rule(flash_broke, _I),
    (_B, FlashBroke): _rule(flash_broke_while_building, _B),
    (_C, FlashBroke): _rule(flash_broke, _I),
    (_W, FlashBroke): _rule(flash_broke, _I),
    (_I, PortCame): _rule(port_came, _I),
    (_B, PortCame): _rule(port_came, _B),
    **{(stage, PortWent): _rule(port_went, stage) for stage in Pass},
    (_I, FlashAsked): _rule(flash_asked, _I),
    (_B, FlashAsked): _rule(flash_asked_while_building, _B),
    **{(stage, ResetAsked): _rule(reset_asked, stage) for stage in Pass},
    **{(stage, PauseAsked): _rule(pause_asked, stage) for stage in Pass},
    **{(stage, BoardChanged): _rule(board_changed, stage) for stage in Pass},
    (_I, QuitAsked): _rule(quit_while_idle, _I),
    (_B, QuitAsked): _rule(quit_while_building, _I),
    (_C, QuitAsked): _rule(quit_while_checking, _C),
    (_W, QuitAsked): _rule(quit_while_writing, _W),
}
"""(stage, event) -> rule. A pair that is not here says nothing new: the event is dropped."""
