"""JSON-RPC 2.0, one message a line: frames to typed messages, and back. Pure.

    -> {"jsonrpc": "2.0", "id": 1, "method": "hello", "params": {"protocol": 1, ...}}
    <- {"jsonrpc": "2.0", "id": 1, "result": {...}}
    <- {"jsonrpc": "2.0", "id": 2, "error": {"code": -32000, "message": "...", "data": {...}}}
    <- {"jsonrpc": "2.0", "method": "item", "params": {"stream": 7, "item": {...}}}

Rules
- `hello` comes first. What each method takes and answers is in `messages.py`.
- Whatever a frame is, reading it gives a message or raises InvalidRequest, nothing else.
- Errors of fbuild have code -32000 and travel whole in `data` (`wire_errors.py`); the numbers that
  JSON-RPC 2.0 has for its own errors are kept.
- Batches (arrays) are not taken: each request is a line of its own.
"""

from __future__ import annotations

from typing import Any, Literal, TypeVar

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from fbuild_watch.control import checks
from fbuild_watch.control.messages import NOTICES, REQUESTS
from fbuild_watch.control.wire_errors import WireError, from_wire, to_wire
from fbuild_watch.errors import FbuildError, InvalidRequest

PARSE_ERROR, INVALID_REQUEST, METHOD_NOT_FOUND, INVALID_PARAMS = -32700, -32600, -32601, -32602
FBUILD_ERROR = -32000

Id = int | str
T = TypeVar("T")


class Request(Struct, frozen=True):
    """A request, its parameters of the method's type."""

    id: Id
    method: str
    params: Any


class Notice(Struct, frozen=True):
    """A notification, of the method's type."""

    params: Any


class Reply(Struct, frozen=True):
    """An answer; `result` is still JSON, its type is known to whoever asked."""

    id: Id
    result: bytes


class Failure(Struct, frozen=True):
    """An answer that is an error. `id` None: of a frame whose id could not be read."""

    id: Id | None
    error: FbuildError


class _Call(Struct, frozen=True):
    jsonrpc: Literal["2.0"]
    method: str
    id: Id | UnsetType = UNSET
    params: Raw = Raw(b"{}")


class _Error(Struct, frozen=True):
    code: int
    message: str
    data: WireError | UnsetType = UNSET


class _Message(Struct, frozen=True):
    """Anything that the process sends."""

    jsonrpc: Literal["2.0"]
    id: Id | UnsetType | None = UNSET
    method: str | UnsetType = UNSET
    params: Raw = Raw(b"{}")
    result: Raw | UnsetType = UNSET
    error: _Error | UnsetType = UNSET


_decode_call = msgspec.json.Decoder(_Call).decode
_decode_message = msgspec.json.Decoder(_Message).decode
_PARAMS = {
    name: msgspec.json.Decoder(kind)
    for name, kind in [*((name, kinds[0]) for name, kinds in REQUESTS.items()), *NOTICES.items()]
}
_NAMES = {kind: name for name, kind in NOTICES.items()}


class Refused(InvalidRequest):
    """An InvalidRequest with the id of the request, where that could be read."""

    id: Id | None

    def __init__(self, reason: str, rpc_code: int, id_: Id | None = None) -> None:
        super().__init__(reason, rpc_code)
        self.id = id_


# --- what the process reads ----------------------------------------------------------------


def read_call(frame: bytes) -> Request | Notice:
    """What a client has sent. Raises Refused."""
    try:
        call = _decode_call(frame)
    except msgspec.ValidationError as error:
        raise Refused(str(error), INVALID_REQUEST, _id_of(frame)) from None
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise Refused(f"it is no JSON ({error})", PARSE_ERROR) from None
    id_ = None if call.id is UNSET else call.id
    known = NOTICES if id_ is None else REQUESTS
    if call.method not in known:
        raise Refused(f"there is no method {call.method[:60]!r}", METHOD_NOT_FOUND, id_)
    params = _read_params(call.method, call.params, id_)
    if problem := checks.problem(params, frame):
        raise _wrong_params(call.method, problem, id_)
    return Notice(params) if id_ is None else Request(id_, call.method, params)


def _read_params(method: str, raw: Raw, id_: Id | None) -> Any:
    try:
        return _PARAMS[method].decode(raw)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise _wrong_params(method, error, id_) from None


def _wrong_params(method: str, why: object, id_: Id | None) -> Refused:
    return Refused(f"parameters of {method}: {why}", INVALID_PARAMS, id_)


class _JustId(Struct, frozen=True):
    id: Id | None = None


def _id_of(frame: bytes) -> Id | None:
    try:
        return msgspec.json.decode(frame, type=_JustId).id
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None


# --- what the client reads -----------------------------------------------------------------


def read_message(frame: bytes) -> Reply | Failure | Notice:
    """What the process has sent. Raises Refused."""
    try:
        message = _decode_message(frame)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise Refused(f"the answer is not understood ({error})", PARSE_ERROR) from None
    id_ = None if message.id is UNSET else message.id
    if message.error is not UNSET:
        return Failure(id_, _as_error(message.error))
    if message.result is not UNSET and id_ is not None:
        return Reply(id_, bytes(message.result))
    if message.method is UNSET or message.method not in NOTICES:
        raise Refused("a message without meaning", INVALID_REQUEST)
    return Notice(_read_params(message.method, message.params, None))


def _as_error(error: _Error) -> FbuildError:
    if error.data is UNSET:
        return InvalidRequest(error.message, error.code)
    return from_wire(error.data)


def read_result(raw: bytes, kind: type[T]) -> T:
    """The result of a request, as its type. Raises Refused."""
    try:
        return msgspec.json.decode(raw, type=kind)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise Refused(f"the answer is not understood ({error})", PARSE_ERROR) from None


# --- what both write -----------------------------------------------------------------------


def write_request(id_: Id, method: str, params: Struct) -> bytes:
    """A request as a frame."""
    return _line({"jsonrpc": "2.0", "id": id_, "method": method, "params": params})


def write_notice(params: Struct) -> bytes:
    """A notification as a frame; its type has its name."""
    return _line({"jsonrpc": "2.0", "method": _NAMES[type(params)], "params": params})


def write_reply(id_: Id, result: Any) -> bytes:
    """An answer as a frame."""
    return _line({"jsonrpc": "2.0", "id": id_, "result": result})


def write_failure(id_: Id | None, error: FbuildError) -> bytes:
    """An error as a frame."""
    number = error.rpc_code if isinstance(error, InvalidRequest) else FBUILD_ERROR
    body = {"code": number, "message": str(error), "data": to_wire(error)}
    return _line({"jsonrpc": "2.0", "id": id_, "error": body})


def _line(message: dict[str, Any]) -> bytes:
    return msgspec.json.encode(message) + b"\n"
