"""Numbers in lines, kept, thinned out, drawn and written."""

from __future__ import annotations

import csv
import io
import math
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fbuild_watch.console.fields import LARGEST, FieldReader
from fbuild_watch.console.plot_face import draw
from fbuild_watch.console.png import write_png
from fbuild_watch.console.samples import MOST_NAMES, MOST_ONCE, MOST_SAMPLES, Samples, thinned
from fbuild_watch.errors import ExtraMissing

names = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True)
numbers = st.floats(-1e9, 1e9, allow_nan=False).map(lambda value: round(value, 3))


@pytest.mark.parametrize(
    ("line", "fields"),
    [
        ("temp:21.5,hum:40", {"temp": 21.5, "hum": 40}),
        ("temp:21.5\thum:40", {"temp": 21.5, "hum": 40}),
        ("temp: 21.5 hum = 40%", {"temp": 21.5, "hum": 40}),
        ("I (312) heap: free=123456 bytes, low=-1.5e3", {"free": 123456, "low": -1500}),
        ("temp:21.5C (x:3)", {"temp": 21.5, "x": 3}),
        ("1.5", {"1": 1.5}),
        ("1,2 ; 3", {"1": 1, "2": 2, "3": 3}),
        ("  1 2\t3  ", {"1": 1, "2": 2, "3": 3}),
        (".5,-.5,+5.,", {"1": 0.5, "2": -0.5, "3": 5}),
        ("12:34:56 started", {}),
        ("at 12:34", {}),
        ("mac a0:76:4e:12:34:56", {}),
        ("PC:0x40081234 A0:0xff", {}),
        ("esp32: v5.1.2", {}),
        ("core: 1.2.3", {}),
        ("I (312) boot: count: 5", {"count": 5}),
        ("hello", {}),
        ("", {}),
        ("big:1e999 low:-1e308 mass:1e30", {"mass": 1e30}),
        (" ".join("1" * 100), {}),
    ],
)
def test_the_numbers_of_a_line(line: str, fields: dict[str, float]) -> None:
    assert FieldReader().read(line) == fields


def test_a_header_names_columns_of_the_same_number() -> None:
    reader = FieldReader()
    assert reader.read("time [s], temp, hum") == {}
    assert reader.read("1,2,3") == {"time [s]": 1, "temp": 2, "hum": 3}
    assert reader.read("1,2") == {"1": 1, "2": 2}
    assert reader.read("hello world") == {}
    assert reader.read("4,5,6")["temp"] == 5


@given(st.dictionaries(names, numbers, min_size=1, max_size=8), st.sampled_from(",\t; "))
def test_what_a_plotter_prints_is_read_back(fields: dict[str, float], separator: str) -> None:
    line = separator.join(f"{name}:{value}" for name, value in fields.items())
    assert FieldReader().read(line) == fields


@given(st.lists(st.text(max_size=60) | st.text("0123456789.:=,-e x", max_size=40)))
def test_any_text_is_read_and_gives_finite_numbers(lines: list[str]) -> None:
    reader = FieldReader()
    for line in lines:
        assert all(map(math.isfinite, reader.read(line).values()))


def test_samples_are_bounded_in_number_and_names() -> None:
    samples = Samples()
    for number in range(MOST_SAMPLES + 10):
        samples.add(number, {f"n{number % 100}": number})
    assert len(samples) <= MOST_SAMPLES
    assert len(samples.names) == MOST_NAMES
    samples.clear()
    assert (len(samples), samples.names) == (0, [])


def test_a_name_is_a_measurement_from_its_second_time_on() -> None:
    samples = Samples()
    samples.add(0.0, {"temp": 20.0, "retries": 3.0})
    assert (samples.names, samples.as_csv()) == ([], "seconds\n")
    samples.add(1.0, {"temp": 21.0})
    assert samples.names == ["temp"]
    assert samples.curve("temp", 10, 100) == [(-1, 20), (0, 21)]
    assert samples.as_csv() == "seconds,temp\n0.000,20.0\n1.000,21.0\n"
    samples.add(3.0, {"retries": 5.0})
    assert samples.names == ["temp", "retries"]
    for number in range(2 * MOST_ONCE):
        samples.add(4.0, {f"n{number}": 0.0})
    assert len(samples) == MOST_ONCE + 3


STARTS = """\
ets Jul 29 2019 12:21:46

rst:0x1 (POWERON_RESET),boot:0x13 (SPI_FAST_FLASH_BOOT)
configsip: 0, SPIWP:0xee
clk_drv:0x00,q_drv:0x00,d_drv:0x00,cs0_drv:0x00,hd_drv:0x00,wp_drv:0x00
mode:DIO, clock div:1
load:0x3fff0030,len:1156
load:0x40078000,len:11456
load:0x40080400,len:2972
entry 0x400805dc
I (31) boot: Multicore bootloader
I (35) boot.esp32: SPI Flash Size : 4MB
I (286) cpu_start: cpu freq: 160000000 Hz
I (290) app_init: App version:      1
 ets Jan  8 2013,rst cause:2, boot mode:(3,6)
I (101) esp_image: segment 0: paddr=00010020 vaddr=3f400020 size=0b4a0h ( 46240) map
I (125) esp_image: segment 1: paddr=0001b4c8 vaddr=3ffb0000 size=02198h (  8600) load
"""


@pytest.mark.parametrize("line", STARTS.splitlines())
def test_what_is_said_at_each_start_is_no_measurement(line: str) -> None:
    assert FieldReader().read(line) == {}


def test_a_curve_is_of_one_name_and_of_the_last_seconds() -> None:
    samples = Samples(["t"])
    for at in range(10):
        samples.add(at, {"t": at * 2.0, "h": 1.0} if at % 2 else {"h": 2.0})
    assert samples.names == ["t"]
    assert samples.curve("t", 4, 100) == [(-4, 10), (-2, 14), (0, 18)]
    assert samples.curve("h", 4, 100) == []


@given(st.lists(numbers, max_size=300), st.integers(2, 50))
def test_thinning_keeps_the_order_and_the_extremes(values: list[float], most: int) -> None:
    points = [(float(at), value) for at, value in enumerate(values)]
    kept = thinned(points, most)
    assert len(kept) <= most + 2
    assert kept == sorted(set(kept))
    assert set(kept) <= set(points)
    if points:
        assert min(kept, key=lambda p: p[1])[1] == min(values)
        assert max(kept, key=lambda p: p[1])[1] == max(values)


@given(st.lists(st.dictionaries(st.sampled_from(["a", "b,c", 'd"']), numbers, min_size=1)))
def test_csv_holds_every_sample(rows: list[dict[str, float]]) -> None:
    samples = Samples(["a", "b,c", 'd"'])
    for at, row in enumerate(rows):
        samples.add(10.0 + at, row)
    table = list(csv.DictReader(io.StringIO(samples.as_csv())))
    assert [float(row.pop("seconds")) for row in table] == [float(at) for at in range(len(rows))]
    read = [{name: float(value) for name, value in row.items() if value} for row in table]
    assert read == rows


@pytest.mark.parametrize("size", [(23, 80), (5, 20), (60, 200)])
def test_a_drawing_fits_and_names_its_curves(size: tuple[int, int]) -> None:
    samples = Samples()
    for at in range(1000):
        samples.add(at / 10, {"temp": math.sin(at / 10), "hum": 2.0})
    rows, columns = size
    lines = draw(samples, 30, rows, columns).splitlines()
    assert len(lines) <= rows
    if rows > 20:
        assert any("temp" in line for line in lines)
        assert any("hum 2" in line for line in lines)


def test_a_png_without_its_extra_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ExtraMissing) as caught:
        write_png(Samples(), 30, tmp_path / "plot.png")
    assert "fbuild-watch[png]" in caught.value.hint
    assert not list(tmp_path.iterdir())


@settings(max_examples=50)
@given(
    st.lists(st.floats() | st.sampled_from([LARGEST, -LARGEST, 1 / LARGEST]), max_size=5),
    st.integers(1, 20),
    st.integers(1, 60),
)
def test_whatever_the_reader_gives_is_drawn(values: list[float], rows: int, columns: int) -> None:
    samples, reader = Samples(), FieldReader()
    for at, value in enumerate(values):
        samples.add(at, reader.read(f"x:{value!r}"))
    assert len(draw(samples, 5, rows, columns).splitlines()) <= rows
