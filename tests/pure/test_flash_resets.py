"""Reset methods as data: what the lines do, held against the devkit's own circuit."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fbuild_watch.errors import InvalidReset
from fbuild_watch.flash.resets import (
    BRIDGE,
    NAMED,
    RELAX,
    Custom,
    Lines,
    NoReset,
    Reset,
    Step,
    UsbJtag,
    Wait,
    Watchdog,
    carry_out,
    chosen,
    parse,
)
from fbuild_watch.project import reaching
from fbuild_watch.virtual.circuit import ResetCircuit

CLASSIC = "D0|R1|W0.1|D1|R0|W0.05|D0"


class Board:
    """The devkit's circuit behind a port whose lines move one by one or together."""

    def __init__(self) -> None:
        self.circuit = ResetCircuit()
        self.starts: list[str] = []
        self._dtr = self._rts = False
        self._low_since: float | None = None
        self.now = 0.0

    def set_lines(self, *, dtr: bool, rts: bool) -> None:
        self._dtr, self._rts = dtr, rts
        was_on = self.circuit.en
        self.circuit.set_lines(dtr, rts, self.now)
        if self.circuit.en and not was_on:
            self.starts.append("flash" if self.circuit.io9 else "download")

    @property
    def dtr(self) -> bool:
        return self._dtr

    @dtr.setter
    def dtr(self, on: bool) -> None:
        self.set_lines(dtr=on, rts=self._rts)

    @property
    def rts(self) -> bool:
        return self._rts

    @rts.setter
    def rts(self, on: bool) -> None:
        self.set_lines(dtr=self._dtr, rts=on)


def quickly(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    return tuple(Wait(0.0) if isinstance(step, Wait) else step for step in steps)


@pytest.mark.parametrize("reset", [*BRIDGE, Custom(CLASSIC)])
def test_every_method_for_a_bridge_enters_the_bootloader_and_leaves_it(reset: Reset) -> None:
    board = Board()
    carry_out(quickly(reset.enter), board)
    carry_out((RELAX,), board)
    assert board.starts == ["download"]
    carry_out(quickly(reset.leave), board)
    assert board.starts == ["download", "flash"]
    assert (board.dtr, board.rts) == (False, False)


def test_each_method_holds_reset_for_a_while() -> None:
    for reset in BRIDGE:
        assert sum(step.seconds for step in reset.enter if isinstance(step, Wait)) >= 0.005
        assert sum(step.seconds for step in reset.leave if isinstance(step, Wait)) >= 0.005


def test_usb_jtag_goes_from_reset_to_strap_by_both() -> None:
    lines = [step for step in UsbJtag().enter if isinstance(step, Lines)]
    assert lines[-1] == RELAX
    assert Lines(rts=True) in lines


def test_a_custom_sequence_is_read_step_by_step() -> None:
    assert parse(" D0 | R1|W.5|U1,0|W2||") == (
        Lines(dtr=False),
        Lines(rts=True),
        Wait(0.5),
        Lines(dtr=True, rts=False),
        Wait(2.0),
    )


@pytest.mark.parametrize(
    "text", ["D2", "R", "W", "W1s", "D10", "U1", "fast", "D0,R1", "W-1", "W100"]
)
def test_what_is_no_sequence_is_refused(text: str) -> None:
    with pytest.raises(InvalidReset) as caught:
        chosen(text)
    assert caught.value.fields()["text"] == text


def test_names_choose_methods() -> None:
    assert chosen("auto") == BRIDGE
    assert chosen("none") == (NoReset(),)
    assert chosen(CLASSIC) == (Custom(CLASSIC),)
    assert all(isinstance(method, Watchdog) for method in chosen("watchdog"))


def test_a_project_may_name_what_there_is() -> None:
    assert set(reaching.METHODS) == set(NAMED)


def test_the_watchdog_is_a_way_out_and_no_way_in() -> None:
    inner = UsbJtag()
    assert (Watchdog(inner).enter, Watchdog(inner).settle) == (inner.enter, inner.settle)
    assert Watchdog(inner).leave == inner.leave  # on chips whose watchdog cannot


@given(st.lists(st.text("DRUW01.,x ", max_size=5), min_size=1, max_size=4))
@example(CLASSIC.split("|"))
@example(["W.5", " U1,0 ", "W2."])
@example(["W99", "W100"])
def test_a_project_may_write_the_sequences_that_can_be_carried_out(parts: list[str]) -> None:
    """An empty step is a slip in a project; `parse` is as generous as esptool there."""
    text = "|".join(parts)
    try:
        project = reaching.reset(text)
    except ValueError:
        project = None
    try:
        steps = parse(text)
    except InvalidReset:
        assert project is None
    else:
        assert project == (text if len(steps) == len(parts) else None)
