"""Frames and messages: whole, byte by byte, with tails, and whatever a stranger may send."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fbuild_watch.control import checks, messages, news, protocol
from fbuild_watch.control.frames import FrameReader
from fbuild_watch.control.protocol import Failure, Notice, Refused, Reply, Request
from fbuild_watch.control.variables import relevant
from fbuild_watch.errors import InvalidRequest, PortBusy
from fbuild_watch.model import Device, FlashReport, RegionReport

HELLO = messages.Hello(messages.PROTOCOL, "1.2.3", "a test")

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
method_names = st.sampled_from([*messages.REQUESTS, *messages.NOTICES, "nonsense", ""])
near_misses = st.fixed_dictionaries(
    {},
    optional={
        "jsonrpc": st.sampled_from(["2.0", "1.0", 2, None]),
        "id": st.integers() | st.text() | st.none() | json_values,
        "method": method_names | json_values,
        "params": json_values
        | st.dictionaries(
            st.sampled_from(["protocol", "version", "name", "project", "stream", "data", "lines"]),
            json_values,
        ),
        "result": json_values,
        "error": json_values,
    },
)


def check_read(frame: bytes) -> None:
    """Each side reads it, or refuses it with an error that can be sent; nothing else is raised."""
    for read in (protocol.read_call, protocol.read_message):
        with suppress(Refused):
            read(frame)


# --- frames --------------------------------------------------------------------------------


@given(st.lists(st.binary(max_size=50).map(lambda text: text.replace(b"\n", b"")), max_size=10))
def test_frames_are_the_same_however_they_arrive(frames: list[bytes]) -> None:
    data = b"".join(frame + b"\n" for frame in frames)
    expected = [kept for frame in frames if (kept := frame.strip(b"\r\n\t "))]
    assert FrameReader().feed(data) == expected
    byte_by_byte = FrameReader()
    assert [f for at in range(len(data)) for f in byte_by_byte.feed(data[at : at + 1])] == expected
    assert byte_by_byte.pending == 0


def test_a_tail_waits_for_its_end() -> None:
    reader = FrameReader()
    assert reader.feed(b'{"a":1}\r\n\n{"b"') == [b'{"a":1}']
    assert reader.pending == 4
    assert reader.feed(b":2}\n") == [b'{"b":2}']


@given(st.lists(st.binary(max_size=40), max_size=30))
def test_a_frame_without_end_does_not_grow(pieces: list[bytes]) -> None:
    reader = FrameReader(limit=100)
    for piece in pieces:
        try:
            reader.feed(piece)
        except InvalidRequest:
            assert reader.pending == 0
            return
        assert reader.pending <= 100


def test_a_long_frame_is_refused_also_when_it_ends() -> None:
    with pytest.raises(InvalidRequest, match="longer than 10"):
        FrameReader(limit=10).feed(b"x" * 11 + b"\n")


def test_only_the_first_frame_has_the_limit_of_strangers() -> None:
    """A client may send its first request right after its hello, in the same packet."""
    reader = FrameReader(limit=100, first=10)
    assert reader.feed(b"hello\n" + b"x" * 50 + b"\n") == [b"hello", b"x" * 50]
    with pytest.raises(InvalidRequest, match="longer than 100"):
        reader.feed(b"x" * 101)
    with pytest.raises(InvalidRequest, match="longer than 10 "):
        FrameReader(limit=100, first=10).feed(b"x" * 11)


# --- requests ------------------------------------------------------------------------------


def test_a_request_there_and_back() -> None:
    frame = protocol.write_request(1, "hello", HELLO)
    assert frame.endswith(b"\n")
    assert frame.count(b"\n") == 1
    assert protocol.read_call(frame) == Request(1, "hello", HELLO)


@pytest.mark.parametrize(
    ("method", "params", "said"),
    [
        ("build", {"project": "/p/\0"}, "a text holds a NUL"),
        ("build", {"project": "/p", "variables": {"PATH": "a\0b"}}, "a text holds a NUL"),
        ("build", {"project": "/p", "variables": {"A\0": ""}}, "a text holds a NUL"),
        ("build", {"project": "/p", "variables": {"A=B": ""}}, "'A=B' is no name of a variable"),
        ("build", {"project": "/p", "variables": {"": ""}}, "'' is no name of a variable"),
        ("erase", {"names": ["app", "\0"]}, "a text holds a NUL"),
        ("command", {"stream": 1, "name": "send", "arguments": ["\0"]}, "a text holds a NUL"),
        ("build", {"project": "relative"}, "'relative' is no absolute path"),
        ("watch.stop", {"project": ""}, "'' is no absolute path"),
        ("flash", {"images": ["0=/a", "0x10=b"]}, "'b' is no absolute path"),
        ("read", {"offset": 0, "size": 1, "file": "~/x"}, "'~/x' is no absolute path"),
        ("read", {"offset": -1, "size": 1, "file": "/x"}, "`int` >= 0"),
        ("read", {"offset": 0, "size": -1, "file": "/x"}, "`int` >= 0"),
        ("attach", {"name": "", "baud": 0}, "`int` >= 1"),
        ("attach", {"name": "", "baud": 1 << 31}, "`int` <= 2147483647"),
        ("logs", {"lines": -1}, "`int` >= 0"),
    ],
)
def test_values_that_nobody_can_use_are_refused(
    method: str, params: dict[str, Any], said: str
) -> None:
    frame = json.dumps({"jsonrpc": "2.0", "id": 7, "method": method, "params": params}).encode()
    with pytest.raises(Refused, match=re.escape(said)) as caught:
        protocol.read_call(frame)
    assert (caught.value.id, caught.value.rpc_code) == (7, protocol.INVALID_PARAMS)


def test_a_name_is_one_line_that_a_terminal_may_show() -> None:
    assert checks.shown("fbuild flash, pid 1 (ä)") == "fbuild flash, pid 1 (ä)"
    assert checks.shown("a\x1b]0;title\x07\nb\u202e") == "a?]0;title??b?"
    assert len(checks.shown("x" * 1000)) == 200


def test_what_only_looks_like_them_is_not() -> None:
    frame = rb'{"jsonrpc":"2.0","id":7,"method":"build","params":{"project":"/a\\u0000b"}}'
    assert protocol.read_call(frame) == Request(7, "build", messages.BuildAsked(r"/a\u0000b"))


def test_bytes_for_the_board_survive() -> None:
    asked = messages.WriteAsked(3, bytes(range(256)))
    read = protocol.read_call(protocol.write_request("x", "write", asked))
    assert read == Request("x", "write", asked)


def test_a_notification_there_and_back() -> None:
    frame = protocol.write_notice(news.Cancel(7))
    assert protocol.read_call(frame) == Notice(news.Cancel(7))
    item = news.StreamItem(1, news.Text("line\nwith \x1b[31m", True, 1.5), "/p")
    assert protocol.read_message(protocol.write_notice(item)) == Notice(item)


@pytest.mark.parametrize(
    ("frame", "number", "id_"),
    [
        (b"{", protocol.PARSE_ERROR, None),
        (b"\xff\xfe", protocol.PARSE_ERROR, None),
        (b'{"jsonrpc":"2.0","method":"x","params":' + b"[" * 100_000, protocol.PARSE_ERROR, None),
        (b"[]", protocol.INVALID_REQUEST, None),
        (b'{"id": 3, "method": "status"}', protocol.INVALID_REQUEST, 3),
        (b'{"jsonrpc": "1.0", "id": 3, "method": "status"}', protocol.INVALID_REQUEST, 3),
        (b'{"jsonrpc": "2.0", "id": [], "method": "x"}', protocol.INVALID_REQUEST, None),
        (b'{"jsonrpc": "2.0", "id": 4, "method": "x"}', protocol.METHOD_NOT_FOUND, 4),
        (b'{"jsonrpc": "2.0", "id": 4, "method": "cancel"}', protocol.METHOD_NOT_FOUND, 4),
        (b'{"jsonrpc": "2.0", "id": "a", "method": "build"}', protocol.INVALID_PARAMS, "a"),
        (b'{"jsonrpc":"2.0","id":1,"method":"build","params":{"project":3}}', -32602, 1),
        (b'{"jsonrpc":"2.0","id":1,"method":"build","params":[]}', -32602, 1),
    ],
)
def test_what_is_wrong_is_said_with_the_standards_number(
    frame: bytes, number: int, id_: Any
) -> None:
    with pytest.raises(Refused) as refused:
        protocol.read_call(frame)
    assert (refused.value.rpc_code, refused.value.id) == (number, id_)
    answer = protocol.read_message(protocol.write_failure(refused.value.id, refused.value))
    assert isinstance(answer, Failure)
    assert type(answer.error) is InvalidRequest
    assert answer.error.fields()["rpc_code"] == number


@given(st.binary(max_size=300) | json_values.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_are_a_message_or_refused(frame: bytes) -> None:
    check_read(frame)


@given(near_misses)
def test_near_misses_are_a_message_or_refused(message: dict[str, Any]) -> None:
    check_read(json.dumps(message).encode())


# --- answers -------------------------------------------------------------------------------


def test_a_report_there_and_back() -> None:
    report = FlashReport(
        "/dev/ttyUSB0",
        Device("ESP32-C3", "aa:bb:cc:dd:ee:ff", 4 << 20),
        (RegionReport("app", 0x10000, 5000, "written", 2),),
        {"connected": 0.5},
    )
    answer = protocol.read_message(protocol.write_reply(9, report))
    assert isinstance(answer, Reply)
    assert protocol.read_result(answer.result, FlashReport) == report


def test_an_error_there_and_back() -> None:
    answer = protocol.read_message(protocol.write_failure(9, PortBusy("/dev/x", 12, "screen")))
    assert isinstance(answer, Failure)
    assert isinstance(answer.error, PortBusy)
    assert answer.error.pid == 12


def test_a_wrong_result_is_refused() -> None:
    with pytest.raises(Refused):
        protocol.read_result(b'{"port": 3}', FlashReport)


# --- variables -----------------------------------------------------------------------------


def test_tools_and_colours_travel_and_secrets_stay() -> None:
    given_ = {"PATH": "/bin", "Path": "C:\\", "NO_COLOR": "1", "AWS_SECRET_ACCESS_KEY": "x",
              "IDF_PATH": "/idf", "HOME": "/root", "LC_ALL": "C", "CCACHE_DIR": "/c"}  # fmt: skip
    assert set(relevant(given_)) == {"PATH", "Path", "NO_COLOR", "IDF_PATH", "LC_ALL", "CCACHE_DIR"}
