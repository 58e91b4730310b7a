"""The core's own arithmetic (soft float, 64-bit), bit by bit, against exact rationals."""

from __future__ import annotations

import math
import random
import struct
from collections.abc import Callable, Iterable
from fractions import Fraction

import pytest

from tests.real.c3_kit import PROBE, TOOLCHAINS, Powered, built, copied

TASKS = 128
U64 = 2**64 - 1
NAN = object()


class Calculator:
    """The probe sketch's mailbox: (operation, a, b) in, 64 bits out."""

    def __init__(self, board: Powered, address: int) -> None:
        self._board, self._address = board, address

    def __call__(self, tasks: Iterable[tuple[int, int, int]]) -> list[int]:
        """Calculate all, some at a time."""
        waiting = list(tasks)
        batches = [waiting[i : i + TASKS] for i in range(0, len(waiting), TASKS)]
        return [result for batch in batches for result in self._batch(batch)]

    def text(self, bits: int, decimals: int) -> str:
        """What printf makes of a double."""
        (size,) = self([(399, bits, decimals)])
        at = self._address + 8 + 32 * TASKS
        words = [self._word(at + 4 * i) for i in range(size // 4 + 1)]
        return struct.pack(f"<{len(words)}I", *words)[:size].decode()

    def _batch(self, tasks: list[tuple[int, int, int]]) -> list[int]:
        for index, (operation, a, b) in enumerate(tasks):
            words = struct.unpack("<6I", struct.pack("<IIQQ", operation, 0, a, b))
            for i, word in enumerate(words):
                assert self._board.machine.write_word(self._task(index) + 4 * i, word)
        self._board.machine.write_word(self._address, len(tasks))
        while self._word(self._address):
            self._board.step()
        results = [self._task(index) + 24 for index in range(len(tasks))]
        return [self._word(at) | self._word(at + 4) << 32 for at in results]

    def _task(self, index: int) -> int:
        return self._address + 8 + 32 * index

    def _word(self, address: int) -> int:
        word = self._board.machine.read_word(address)
        assert word is not None
        return word


@pytest.fixture(scope="module", params=TOOLCHAINS)
def calculate(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Calculator:
    board = Powered(built(copied(tmp_path_factory.mktemp("probe") / "p", request.param, PROBE)))
    return Calculator(board, int(board.until(r"mailbox (0x\w+)\n")[1], 16))


# --- the reference ---


class Format:
    """An IEEE 754 format, on exact rationals."""

    def __init__(self, fraction: int, exponent: int) -> None:
        self.fraction, self.exponent = fraction, exponent
        self.bias = 2 ** (exponent - 1) - 1
        self.infinity = (2**exponent - 1) << fraction
        self.sign = 1 << (fraction + exponent)

    def value(self, bits: int) -> Fraction | float:
        """A Fraction, or an infinity, a NaN or a zero with its sign as a float."""
        magnitude = bits & ~self.sign
        sign = -1 if bits & self.sign else 1
        if magnitude >= self.infinity:
            return math.nan if magnitude > self.infinity else sign * math.inf
        if magnitude == 0:
            return sign * 0.0
        exponent = max(magnitude >> self.fraction, 1) - self.bias - self.fraction
        mantissa = magnitude & (1 << self.fraction) - 1
        mantissa |= (1 << self.fraction) if magnitude >> self.fraction else 0
        return sign * Fraction(mantissa) * Fraction(2) ** exponent

    def nearest(self, value: Fraction | float) -> int | object:
        """The bits of the nearest number, ties to even; NAN for any NaN."""
        if isinstance(value, float):
            if math.isnan(value):
                return NAN
            if math.isinf(value):
                return self.infinity | (self.sign if value < 0 else 0)
            if value == 0:
                return self.sign if math.copysign(1, value) < 0 else 0
            value = Fraction(value)
        if value == 0:
            return 0
        sign, value = (self.sign, -value) if value < 0 else (0, value)
        lowest = 1 - self.bias - self.fraction
        digits = value.numerator.bit_length() - value.denominator.bit_length()  # or one fewer
        scale = max(0, digits - 1 - self.fraction - lowest)
        scale += value >= Fraction(2) ** (lowest + scale + self.fraction + 1)
        bits = round(value / Fraction(2) ** (lowest + scale))  # Python rounds halves to even
        return sign | min((scale << self.fraction) + bits, self.infinity)


DOUBLE, FLOAT = Format(52, 11), Format(23, 8)


def arithmetic(operation: int, a: Fraction | float, b: Fraction | float) -> Fraction | float:
    """Exact where both are finite and not zero; else by IEEE 754's rules for the special values."""
    if isinstance(a, float) or isinstance(b, float):
        return special(operation, float_of(a), float_of(b))
    exact = (lambda: a + b, lambda: a - b, lambda: a * b, lambda: a / b)[operation]()
    return exact or 0.0


def float_of(value: Fraction | float) -> float:
    """A stand-in of the same sign and class: special results depend on nothing else..."""
    return value if isinstance(value, float) else math.copysign(1.0, value)


def special(operation: int, a: float, b: float) -> float:
    if operation == 3:
        if b == 0:
            sign = math.copysign(1, a) * math.copysign(1, b)
            return math.nan if a == 0 or math.isnan(a) else sign * math.inf
        return a / b
    return (a + b, a - b, a * b)[operation] if operation < 3 else math.nan


def expected_of(operation: int, form: Format, a_bits: int, b_bits: int) -> int | object:
    a, b = form.value(a_bits), form.value(b_bits)
    if operation < 2 and isinstance(a, float) != isinstance(b, float):
        # ... but for a sum of zero and a number, which is that number.
        zero, other, negate = (a, b, operation == 1) if isinstance(a, float) else (b, a, False)
        if zero == 0:
            return form.nearest(-other if negate else other)
    return form.nearest(arithmetic(operation, a, b))


# --- numbers to try ---


def interesting(form: Format) -> list[int]:
    one = form.bias << form.fraction
    magnitudes = [0, 1, 2, (1 << form.fraction) - 1, 1 << form.fraction, (1 << form.fraction) + 1,
                  one - 1, one, one + 1, one + (1 << form.fraction), form.infinity - 1,
                  form.infinity, form.infinity | 1 << (form.fraction - 1)]  # fmt: skip
    return [bits | sign for bits in magnitudes for sign in (0, form.sign)]


def pairs(form: Format, count: int) -> list[tuple[int, int]]:
    """All interesting pairs, and random ones: far apart, close together, halves and ties."""
    chance = random.Random(form.fraction)
    top = form.sign << 1
    every = interesting(form)
    found = [(a, b) for a in every for b in every]
    for _ in range(count):
        a = chance.randrange(top)
        near = (a + chance.randrange(-3, 4) + (chance.randrange(-60, 60) << form.fraction)) % top
        b = chance.choice((chance.randrange(top), near, near ^ form.sign, chance.choice(every)))
        if chance.random() < 0.3:  # few bits set: exact results and ties
            keep = form.sign | form.infinity | (7 << (form.fraction - 3))
            a, b = a & keep, b & keep
        found.append((a, b))
    return found


def is_nan(form: Format, bits: int) -> bool:
    return bits & ~form.sign > form.infinity


def check(form: Format, got: list[int], wanted: list[int | object], what: list[object]) -> None:
    wrong = [
        (item, hex(bits), want)
        for item, bits, want in zip(what, got, wanted, strict=True)
        if not (is_nan(form, bits) if want is NAN else bits == want)
    ]
    assert wrong == []


@pytest.mark.parametrize("operation", range(4), ids=["add", "subtract", "multiply", "divide"])
@pytest.mark.parametrize(("form", "base"), [(DOUBLE, 0), (FLOAT, 100)], ids=["double", "float"])
def test_arithmetic(calculate: Calculator, form: Format, base: int, operation: int) -> None:
    tried = pairs(form, 600)
    got = calculate((base + operation, a, b) for a, b in tried)
    wanted = [expected_of(operation, form, a, b) for a, b in tried]
    check(form, got, wanted, [(hex(a), hex(b)) for a, b in tried])


@pytest.mark.parametrize(("form", "base"), [(DOUBLE, 0), (FLOAT, 100)], ids=["double", "float"])
def test_comparison(calculate: Calculator, form: Format, base: int) -> None:
    tried = pairs(form, 300)
    for (a_bits, b_bits), got in zip(
        tried, calculate((base + 4, a, b) for a, b in tried), strict=True
    ):
        a, b = form.value(a_bits), form.value(b_bits)
        order = (a < b, a <= b, a == b, a != b, a >= b, a > b)
        assert [bool(got >> i & 1) for i in range(6)] == list(order), (hex(a_bits), hex(b_bits))


@pytest.mark.parametrize(
    ("operation", "low", "high"),
    [(5, -(2**31), 2**31 - 1), (6, 0, 2**32 - 1), (7, -(2**63), 2**63 - 1), (8, 0, U64)],
)
@pytest.mark.parametrize(("form", "base"), [(DOUBLE, 0), (FLOAT, 100)], ids=["double", "float"])
def test_to_whole_numbers(
    calculate: Calculator, form: Format, base: int, operation: int, low: int, high: int
) -> None:
    chance = random.Random(operation)
    values = [Fraction(chance.randrange(2**66)) / 2 ** chance.randrange(66) for _ in range(300)]
    bits = [form.nearest(chance.choice((-1, 1)) * value) for value in values]
    tried = [b for b in bits if isinstance(b, int) and low <= math.trunc(form.value(b)) <= high]
    assert len(tried) > 50
    got = calculate((base + operation, b, 0) for b in tried)
    assert got == [math.trunc(form.value(b)) & U64 for b in tried]


@pytest.mark.parametrize(("operation", "bits", "signed"), [
    (9, 32, True), (10, 32, False), (11, 64, True), (12, 64, False),
])  # fmt: skip
@pytest.mark.parametrize(("form", "base"), [(DOUBLE, 0), (FLOAT, 100)], ids=["double", "float"])
def test_from_whole_numbers(
    calculate: Calculator, form: Format, base: int, operation: int, bits: int, signed: bool
) -> None:
    chance = random.Random(operation)
    tried = [chance.randrange(2**bits) >> chance.randrange(bits) for _ in range(300)]
    tried += [0, 1, 2**bits - 1, 2 ** (bits - 1), 2 ** (bits - 1) - 1]
    values = [x - 2**bits if signed and x >> (bits - 1) else x for x in tried]
    got = calculate((base + operation, x, 0) for x in tried)
    check(form, got, [form.nearest(Fraction(value)) for value in values], list(values))


def test_between_float_and_double(calculate: Calculator) -> None:
    singles = [a for a, _ in pairs(FLOAT, 300)]
    got = calculate((301, a, 0) for a in singles)
    check(DOUBLE, got, [DOUBLE.nearest(FLOAT.value(a)) for a in singles], [hex(a) for a in singles])
    doubles = [a for a, _ in pairs(DOUBLE, 300)]
    doubles += [b for value in singles if isinstance(b := DOUBLE.nearest(FLOAT.value(value)), int)]
    doubles += [b + 2**28 for b in doubles[-300:]]
    got = calculate((302, a, 0) for a in doubles)
    wanted = [FLOAT.nearest(DOUBLE.value(a)) for a in doubles]
    check(FLOAT, got, wanted, [hex(a) for a in doubles])


def test_roots_floor_and_ceil(calculate: Calculator) -> None:
    tried = [a for a, _ in pairs(DOUBLE, 300)]
    as_float = {a: struct.unpack("<d", struct.pack("<Q", a))[0] for a in tried}

    def root(x: float) -> float:
        return math.nan if x < 0 else math.sqrt(x)

    def whole(x: float, to: Callable[[float], int]) -> float:
        return x if math.isinf(x) or math.isnan(x) else math.copysign(float(to(x)), x)

    for operation, function in (
        (300, root), (303, lambda x: whole(x, math.floor)), (304, lambda x: whole(x, math.ceil)),
    ):  # fmt: skip
        got = calculate((operation, a, 0) for a in tried)
        wanted = [DOUBLE.nearest(function(as_float[a])) for a in tried]
        check(DOUBLE, got, wanted, [as_float[a] for a in tried])


def test_64_bit_whole_numbers(calculate: Calculator) -> None:
    chance = random.Random(64)
    tried = [
        (chance.randrange(2**64) >> chance.randrange(64), chance.randrange(1, 2**64) >> shift or 1)
        for shift in range(64)
        for _ in range(4)
    ]
    tried += [(U64, 1), (U64, U64), (2**63, 3), (0, 5), (2**32, 2**32 - 1), (2**63, U64 - 1)]

    def signed(x: int) -> int:
        return x - 2**64 if x >> 63 else x

    def quotient(a: int, b: int) -> int:
        return int(math.copysign(1, a) * math.copysign(1, b)) * (abs(a) // abs(b))

    references: list[Callable[[int, int], int]] = [
        lambda a, b: a // b,
        lambda a, b: a % b,
        lambda a, b: quotient(signed(a), signed(b)),
        lambda a, b: signed(a) - signed(b) * quotient(signed(a), signed(b)),
        lambda a, b: a << (b & 63),
        lambda a, b: a >> (b & 63),
        lambda a, b: signed(a) >> (b & 63),
        lambda a, b: a * b,
        lambda _, b: 64 - b.bit_length(),
        lambda _, b: (b & -b).bit_length() - 1,
        lambda a, _: a.bit_count(),
        lambda a, _: int.from_bytes(a.to_bytes(8, "little"), "big"),
    ]
    for operation, reference in enumerate(references):
        got = calculate((200 + operation, a, b) for a, b in tried)
        assert got == [reference(a, b) & U64 for a, b in tried], operation


def test_floats_are_printed_exactly(calculate: Calculator) -> None:
    chance = random.Random(7)
    tried = [
        0.0,
        -0.0,
        0.5,
        1.5,
        2.5,
        -2.5,
        0.125,
        0.375,
        1e-9,
        999999.9999999,
        2.0**63,
        2**64 - 2048.0,
    ]
    tried += [chance.uniform(-1, 1) * 10 ** chance.randrange(-8, 19) for _ in range(80)]
    for value in tried:
        (bits,) = struct.unpack("<Q", struct.pack("<d", value))
        for decimals in (0, 2, 6, 17):
            assert calculate.text(bits, decimals) == f"{value:.{decimals}f}"
    for value, text in ((math.inf, "inf"), (-math.inf, "-inf"), (2.0**64, "ovf")):
        (bits,) = struct.unpack("<Q", struct.pack("<d", value))
        assert calculate.text(bits, 2) == text
