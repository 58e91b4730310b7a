"""The loop's rules, one by one, and then against every order of events that hypothesis finds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from fbuild_watch.errors import CompileFailed, ConnectionLost, FlashCancelled, NoAnswer, PortLost
from fbuild_watch.loop import (
    TABLE,
    Build,
    BuildBroke,
    Built,
    CancelBuild,
    CancelFlash,
    Edited,
    Effect,
    EraseBegan,
    Event,
    FindPort,
    Flash,
    FlashAsked,
    FlashBroke,
    Flashed,
    Leave,
    LoopState,
    Pass,
    PortCame,
    PortUse,
    PortWent,
    QuitAsked,
    Read,
    ResetAsked,
    ResetBoard,
    Tell,
    start,
    step,
)
from fbuild_watch.model import BuildReport, Image, Region

BROKEN = CompileFailed(["main.cpp"], "main.cpp:1: error: no")
GONE = PortLost("/dev/ttyUSB0", "unplugged")


def image(build_id: str) -> Image:
    return Image((Region("app", 0x10000, build_id.encode()),), "esp32c3", None, build_id)


def report(build_id: str, *compiled: str) -> BuildReport:
    return BuildReport(image(build_id), tuple(Path(name) for name in compiled), bool(compiled), {})


def play(state: LoopState, *events: Event) -> tuple[LoopState, list[Effect]]:
    """Feed events; the effects but for what is only said."""
    effects: list[Effect] = []
    for event in events:
        state, more = step(state, event)
        effects += [effect for effect in more if not isinstance(effect, Tell)]
    return state, effects


@pytest.fixture
def running() -> LoopState:
    """The board holds build "a" and runs it."""
    state, _ = start()
    state, _ = play(state, PortCame(), Built(1, report("a", "main.cpp")), Flashed("a"))
    assert (state.stage, state.port, state.proven) == (Pass.IDLE, PortUse.CONSOLE, "a")
    return state


def test_the_start_builds_and_looks_for_the_board() -> None:
    state, effects = start()
    assert effects == (FindPort(), Build(1))
    assert (state.stage, state.port) == (Pass.BUILDING, PortUse.CLOSED)


def test_an_edit_goes_all_the_way(running: LoopState) -> None:
    state, effects = play(running, Edited(), Built(2, report("b", "main.cpp")))
    assert effects == [Build(2), Flash(image("b"))]
    assert (state.stage, state.port) == (Pass.CHECKING, PortUse.FLASHER)
    state, effects = play(state, EraseBegan(), Flashed("b"))
    assert (state.stage, state.port, state.proven, effects) == (
        Pass.IDLE,
        PortUse.CONSOLE,
        "b",
        [],
    )


def test_rule_1_results_of_an_older_generation_are_dropped(running: LoopState) -> None:
    state, effects = play(running, Edited(), Edited(), Built(2, report("b", "main.cpp")))
    assert effects == [Build(2), Build(3)]
    assert (state.stage, state.image) == (Pass.BUILDING, image("a"))
    state, effects = play(state, BuildBroke(2, BROKEN), Built(3, report("c", "main.cpp")))
    assert effects == [Flash(image("c"))]


def test_rule_2_an_edit_ends_a_check(running: LoopState) -> None:
    state, effects = play(running, Edited(), Built(2, report("b", "m")), Edited())
    assert effects == [Build(2), Flash(image("b")), CancelFlash(), Build(3)]
    state, effects = play(state, FlashBroke(FlashCancelled("p")), Built(3, report("c", "m")))
    assert effects == [Flash(image("c"))]


def test_a_check_that_could_not_be_ended_any_more_is_followed_by_the_newer_flash(
    running: LoopState,
) -> None:
    state, _ = play(running, Edited(), Built(2, report("b", "m")), Edited())
    state, effects = play(state, EraseBegan(), Built(3, report("c", "m")))
    assert (effects, state.port) == ([], PortUse.FLASHER)
    state, effects = play(state, Flashed("b"))
    assert effects == [Flash(image("c"))]


def test_rule_3_edits_wait_for_the_write_and_become_one_build(running: LoopState) -> None:
    state, _ = play(running, Edited(), Built(2, report("b", "m")), EraseBegan())
    state, effects = play(state, Edited(), Edited(), Edited())
    assert (state.stage, effects) == (Pass.WRITING, [])
    state, effects = play(state, Flashed("b"))
    assert (state.stage, effects) == (Pass.BUILDING, [Build(3)])


def test_rule_4_a_failed_build_changes_nothing(running: LoopState) -> None:
    state, effects = play(running, Edited(), BuildBroke(2, BROKEN))
    assert effects == [Build(2)]
    assert state == replace(running, generation=2)


def test_rule_5_a_proven_build_is_flashed_only_when_somebody_asks(running: LoopState) -> None:
    state, effects = play(running, Edited(), Built(2, report("a")))
    assert (state.stage, effects) == (Pass.IDLE, [Build(2)])
    _, effects = play(state, FlashAsked())
    assert effects == [Flash(image("a"))]


def test_rule_7_an_image_waits_for_the_board() -> None:
    state, _ = start()
    state, effects = play(state, Built(1, report("a", "m")))
    assert (state.stage, effects) == (Pass.IDLE, [])
    _, effects = play(state, PortCame())
    assert effects == [Read(), Flash(image("a"))]


def test_rule_7_a_board_that_went_away_half_written_is_healed_when_it_comes(
    running: LoopState,
) -> None:
    lost = ConnectionLost("p", "being written", "gone", written=True, gone=True)
    state, effects = play(
        running, Edited(), Built(2, report("b", "m")), EraseBegan(), FlashBroke(lost)
    )
    assert (state.port, effects[-1]) == (PortUse.LOST, FindPort())
    _, effects = play(state, PortCame())
    assert effects == [Read(), Flash(image("b"))]


def test_rule_7_a_board_that_refuses_is_not_asked_again_and_again(running: LoopState) -> None:
    state, _ = play(running, Edited(), Built(2, report("b", "m")))
    state, effects = play(state, FlashBroke(NoAnswer("p", "no sync")))
    assert (state.stage, state.port, effects) == (Pass.IDLE, PortUse.CONSOLE, [])
    _, effects = play(state, Edited(), Built(3, report("b")))
    assert effects == [Build(3), Flash(image("b"))]


def test_rule_8_leaving_waits_for_a_write_only(running: LoopState) -> None:
    assert play(running, QuitAsked())[1] == [Leave()]
    assert play(running, Edited(), QuitAsked())[1] == [Build(2), CancelBuild(), Leave()]
    checking, _ = play(running, Edited(), Built(2, report("b", "m")))
    assert play(checking, QuitAsked())[1] == [CancelFlash()]
    writing, _ = play(checking, EraseBegan())
    state, effects = play(writing, QuitAsked())
    assert effects == []
    assert play(state, Flashed("b"))[1] == [Leave()]


def test_reset_is_for_the_holder_of_the_port(running: LoopState) -> None:
    assert play(running, ResetAsked())[1] == [ResetBoard()]
    checking, _ = play(running, Edited(), Built(2, report("b", "m")))
    assert play(checking, ResetAsked())[1] == []


def test_a_port_that_both_see_vanish_is_looked_for_once(running: LoopState) -> None:
    state, _ = play(running, Edited(), Built(2, report("b", "m")))
    _, effects = play(state, FlashBroke(GONE), PortWent(GONE))
    assert effects == [FindPort()]


def test_a_flash_that_could_not_be_ended_is_followed_by_the_build_that_was_there_before(
    running: LoopState,
) -> None:
    state, _ = play(running, Edited(), Built(2, report("b", "m")), Edited(), EraseBegan())
    state, _ = play(state, Built(3, report("a", "m")))  # the edit was taken back
    state, effects = play(state, Flashed("b"))
    assert effects == [Flash(image("a"))]


def test_a_check_that_was_ended_leaves_what_was_proven(running: LoopState) -> None:
    state, _ = play(running, Edited(), Built(2, report("b", "m")), Edited())
    state, effects = play(state, FlashBroke(FlashCancelled("p")), Built(3, report("a", "m")))
    assert (state.stage, state.proven, effects) == (Pass.IDLE, "a", [])


@pytest.mark.parametrize("end", [FlashBroke(FlashCancelled("p")), Flashed("b")])
def test_a_port_that_breaks_under_the_flasher_is_looked_for_when_it_is_done(
    running: LoopState, end: Event
) -> None:
    state, _ = play(running, Edited(), Built(2, report("b", "m")))
    state, effects = play(state, PortWent(GONE))
    assert effects == []
    state, effects = play(state, end)
    assert (state.port, effects) == (PortUse.LOST, [FindPort()])


def test_who_leaves_builds_nothing_more(running: LoopState) -> None:
    state, _ = play(running, Edited(), Built(2, report("b", "m")), QuitAsked())
    assert play(state, Edited())[1] == []


def test_a_clean_build_that_had_to_wait_is_still_a_clean_one(running: LoopState) -> None:
    state, _ = play(running, Edited(), Built(2, report("b", "m")), EraseBegan())
    _, effects = play(state, Edited(clean=True), Edited(), Flashed("b"))
    assert effects == [Build(3, clean=True)]


class Life(RuleBasedStateMachine):
    """A loop and a world that does what the effects say, in any order the world may take."""

    def __init__(self) -> None:
        super().__init__()
        self.state, effects = start()
        self.searching = False
        self.present = False
        self.source, self.source_ok = 1, True
        self.builds: list[tuple[int, int, bool]] = []
        self.flashing: Image | None = None
        self.cancelled = self.erased = self.left = False
        self.on_board: str | None = None
        self.refused = False
        self.obey(effects)

    def obey(self, effects: tuple[Effect, ...]) -> None:
        for effect in effects:
            match effect:
                case Build(generation):  # results of the one before may be on their way
                    self.builds.append((generation, self.source, self.source_ok))
                case Flash(wanted):
                    assert self.flashing is None, "two flashers"
                    assert self.present, "flashing without a port"
                    self.flashing, self.cancelled, self.erased = wanted, False, False
                case CancelFlash():
                    assert self.flashing is not None
                    self.cancelled = True
                case FindPort():
                    assert not self.searching, "two searches"
                    self.searching, self.present = True, False
                case Leave():
                    assert not (self.flashing and self.erased), "left in the middle of a write"
                    self.left = True

    def tell(self, event: Event) -> None:
        key = (self.state.stage, type(event))
        self.state, effects = step(self.state, event)
        if key in TABLE and not effects:
            assert self.state.stage in TABLE[key].leads_to
        self.obey(effects)

    @rule()
    def edit(self) -> None:
        self.source += 1
        self.source_ok = self.source % 4 != 0
        self.refused = False
        self.tell(Edited())

    @precondition(lambda self: self.source > 1)
    @rule()
    def take_back(self) -> None:
        self.source -= 1
        self.source_ok = self.source % 4 != 0
        self.refused = False
        self.tell(Edited())

    @rule()
    def touch(self) -> None:
        self.refused = False
        self.tell(Edited())

    @precondition(lambda self: self.builds)
    @rule(which=st.integers(0, 10))
    def build_ends(self, which: int) -> None:
        generation, source, good = self.builds.pop(which % len(self.builds))
        if good:
            self.tell(Built(generation, report(f"build{source}", "main.cpp")))
        else:
            self.tell(BuildBroke(generation, BROKEN))

    @precondition(lambda self: self.searching)
    @rule()
    def port_comes(self) -> None:
        self.searching, self.present = False, True
        self.tell(PortCame())

    @precondition(lambda self: self.present and self.flashing is None)
    @rule()
    def port_goes(self) -> None:
        self.tell(PortWent(GONE))

    @precondition(lambda self: self.flashing and not self.erased)
    @rule()
    def erase_begins(self) -> None:
        """Also when it was cancelled, too late."""
        self.erased = True
        self.tell(EraseBegan())

    @precondition(lambda self: self.flashing and self.cancelled and not self.erased)
    @rule()
    def flash_is_cancelled(self) -> None:
        self.flashing = None
        self.tell(FlashBroke(FlashCancelled("p")))

    @precondition(lambda self: self.flashing)
    @rule()
    def flash_ends(self) -> None:
        assert self.flashing is not None
        self.on_board, self.flashing = self.flashing.build_id, None
        self.tell(Flashed(self.on_board))

    @precondition(lambda self: self.flashing)
    @rule()
    def flash_is_refused(self) -> None:
        self.flashing = None
        self.refused = True
        self.tell(FlashBroke(NoAnswer("p", "no sync")))

    @precondition(lambda self: self.flashing)
    @rule()
    def port_goes_while_flashing(self) -> None:
        self.flashing = None
        self.tell(FlashBroke(GONE))
        self.tell(PortWent(GONE))  # the console sees it too

    @rule()
    def person_asks(self) -> None:
        self.tell(FlashAsked())
        self.tell(ResetAsked())

    @invariant()
    def the_port_has_one_holder(self) -> None:
        has_flasher = self.state.port is PortUse.FLASHER
        assert has_flasher == (self.flashing is not None)
        away = self.state.port in (PortUse.LOST, PortUse.CLOSED)
        assert away == (not self.present)

    @invariant()
    def at_rest_the_board_has_the_newest_good_build(self) -> None:
        newest = all(generation < self.state.generation for generation, *_ in self.builds)
        at_rest = newest and self.flashing is None and self.present
        if at_rest and self.source_ok and not self.refused and self.state.proven is not None:
            assert self.state.proven == self.on_board == f"build{self.source}"

    def teardown(self) -> None:
        """However it stands, it can be left."""
        if self.flashing is None:
            self.tell(QuitAsked())
            assert self.left
            return
        self.tell(QuitAsked())
        assert not self.left or not self.erased
        if self.flashing is not None:
            self.flash_ends()
        assert self.left


Life.TestCase.settings = settings(max_examples=300, stateful_step_count=60, deadline=None)
TestLife = Life.TestCase
