"""One question to the running process by nothing but a socket and JSON: for `fbuild status`, which
a prompt may run at every line. Everything else has typed clients (`fbuild_watch.api`).
"""

from __future__ import annotations

import json
from typing import Any

from fbuild_watch import __version__
from fbuild_watch.control.locate import Located
from fbuild_watch.errors import ControlRefused, NotAnswering, NotRunning

PROTOCOL = 1
"""`messages.PROTOCOL`, without its import; a test holds the two together."""

ANSWER_S = 5.0

_CHUNK = 65536


def ask(located: Located, method: str) -> dict[str, Any]:
    """The answer to a request without parameters. Raises NotRunning, NotAnswering, ControlRefused."""
    hello = {"protocol": PROTOCOL, "version": __version__, "name": method, "token": located.token}
    sent = _line(0, "hello", hello) + _line(1, method, {})
    try:
        with located.endpoint.make_socket() as sock:
            sock.settimeout(ANSWER_S)
            sock.connect(located.endpoint.address)
            sock.sendall(sent)
            answers = _receive(sock, 2)
    except TimeoutError as error:
        raise NotAnswering(located.pid) from error
    except OSError as error:
        raise NotRunning(f"pid {located.pid} does not answer: {error.strerror}") from error
    for answer in answers:
        if "error" in answer:
            raise ControlRefused(answer["error"]["message"])
    if len(answers) < 2:
        raise NotRunning(f"pid {located.pid} has hung up")
    result: dict[str, Any] = answers[1]["result"]
    return result


def _receive(sock: Any, count: int) -> list[Any]:
    """So many answers, or fewer if the process hangs up."""
    data = b""
    while data.count(b"\n") < count and (more := sock.recv(_CHUNK)):
        data += more
    return [json.loads(line) for line in data.splitlines() if line]


def _line(id_: int, method: str, params: dict[str, Any]) -> bytes:
    call = {"jsonrpc": "2.0", "id": id_, "method": method, "params": params}
    return json.dumps(call).encode() + b"\n"
