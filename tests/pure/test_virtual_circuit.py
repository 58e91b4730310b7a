from __future__ import annotations

import pytest

from fbuild_watch.virtual.circuit import HOLD, ResetCircuit


def after(*lines: tuple[int, int], step: float = 0.01) -> ResetCircuit:
    """Set (DTR, RTS) pairs one after the other, `step` seconds apart, from rest."""
    circuit = ResetCircuit()
    for number, (dtr, rts) in enumerate(lines):
        circuit.poll(number * step)
        circuit.set_lines(bool(dtr), bool(rts), number * step)
    return circuit


@pytest.mark.parametrize(
    ("dtr", "rts", "en", "io9"),
    [(0, 0, True, True), (0, 1, False, True), (1, 0, True, False), (1, 1, True, True)],
)
def test_the_table_of_the_two_transistors(dtr: int, rts: int, en: bool, io9: bool) -> None:
    circuit = after((dtr, rts))
    assert (circuit.en, circuit.io9) == (en, io9)


def test_opening_a_port_raises_both_and_resets_nothing() -> None:
    circuit = ResetCircuit()
    for dtr, rts in [(True, False), (True, True)]:
        circuit.set_lines(dtr, rts, 0.0)
        assert circuit.en
    assert circuit.deadline is None


def test_classic_reset_holds_en_through_both_asserted_until_io9_is_low() -> None:
    between = after((0, 0), (0, 1), (1, 1))
    assert not between.en
    between.set_lines(True, False, 0.1)
    assert (between.en, between.io9) == (True, False)


def test_the_hold_ends_by_itself_with_io9_high() -> None:
    circuit = after((0, 1), (1, 1))
    assert circuit.deadline == pytest.approx(0.01 + HOLD)
    circuit.poll(0.01 + HOLD - 0.001)
    assert not circuit.en
    circuit.poll(0.01 + HOLD)
    assert (circuit.en, circuit.io9, circuit.deadline) == (True, True, None)


def test_setting_the_same_lines_again_does_not_lengthen_the_hold() -> None:
    circuit = after((0, 1), (1, 1), (1, 1), (1, 1))
    assert circuit.deadline == pytest.approx(0.01 + HOLD)


def test_both_lines_released_end_a_hold_at_once() -> None:
    circuit = after((0, 1), (1, 1), (0, 0))
    assert (circuit.en, circuit.deadline) == (True, None)
