"""`python -m tests.fuzz TARGET FOLDER`: what strangers send, made up by atheris (libFuzzer).

For `.ci/run`, which installs atheris; the tests have hypothesis for the same parsers. What is made up
is kept in FOLDER, and so is what fails, as `crash-*`; with such a file as FOLDER it is run once more.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["fbuild_watch"]):
    from fbuild_watch.build import depfile
    from fbuild_watch.control import frames, protocol
    from fbuild_watch.errors import InvalidRequest
    from fbuild_watch.serial.lines import LineAssembler

MEMORY_MB = 512
LONGEST = 4096


def pieces(data: bytes) -> Iterator[bytes]:
    """The data as it may arrive: its first byte says in how large pieces."""
    size = 1 + (data[0] if data else 0)
    return (data[start : start + size] for start in range(1, len(data), size))


def frames_of_a_client(data: bytes) -> None:
    """Each frame is a request, a notice, or a refusal that can be answered; memory is bounded."""
    reader = frames.FrameReader(LONGEST // 4)
    for piece in pieces(data):
        try:
            found = reader.feed(piece)
        except InvalidRequest:
            return  # one that is too long is the end of the connection
        for frame in found:
            check_answer(refusal(protocol.read_call, frame))
            check_answer(refusal(protocol.read_message, frame))
        assert reader.pending <= LONGEST // 4


def refusal(read: Callable[[bytes], object], frame: bytes) -> protocol.Refused | None:
    """Why it is refused; None: it is understood."""
    try:
        read(frame)
    except protocol.Refused as error:
        return error
    return None


def check_answer(refused: protocol.Refused | None) -> None:
    """A refusal arrives as it was said."""
    if refused is not None:
        answer = protocol.read_message(protocol.write_failure(refused.id, refused)[:-1])
        assert isinstance(answer, protocol.Failure)
        assert str(answer.error) == str(refused)


def lines_of_a_board(data: bytes) -> None:
    """How the bytes were split into reads changes nothing."""
    in_pieces, whole = LineAssembler(), LineAssembler()
    lines = [line for piece in pieces(data) for line in in_pieces.feed(piece, 0.0)]
    expected = whole.feed(data[1:], 0.0)
    assert lines + in_pieces.finish() == expected + whole.finish()


def depfiles(data: bytes) -> None:
    """Names, each once, or a ValueError."""
    try:
        names = depfile.parse(data.decode("utf-8", "surrogateescape"))
    except ValueError:
        return
    assert len(set(names)) == len(names)
    assert all(names)


TARGETS = {"frames": frames_of_a_client, "lines": lines_of_a_board, "depfiles": depfiles}
SEEDS = {
    "frames": [
        b'{"jsonrpc":"2.0","id":0,"method":"hello","params":{"protocol":1,"version":"0.1.0","name":"x"}}',
        b'{"jsonrpc":"2.0","id":"a","method":"build","params":{"project":"/p","clean":true}}',
        b'{"jsonrpc":"2.0","id":2,"method":"attach","params":{"port":"/dev/x","write":"yes"}}',
        b'{"jsonrpc":"2.0","id":3,"method":"write","params":{"stream":1,"data":"aGVsbG8="}}',
        b'{"jsonrpc":"2.0","method":"cancel","params":{"id":2}}',
        b'{"jsonrpc":"2.0","id":4,"result":{"stream":1}}',
        b'{"jsonrpc":"2.0","id":5,"error":{"code":-32000,"message":"m","data":{"code":"port-busy","message":"m"}}}',
    ],
    "lines": ["boot: \x1b[32mgrün\x1b[0m\r\n>>> ".encode(), b"\xff\r\r\n\n\r\x1b[31;1mE (12) \x80\n"],
    "depfiles": [b"a.o: a.c \\\n b\\ c.h $$d.h\n\nb.h:\n", b"C:\\x.o: C:\\a\\#b.c d\\\\ e.h\r\n"],
}  # fmt: skip


def main() -> None:
    """Fuzz one target, or run one file again; ends the process, with 0 when nothing was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seconds", type=int, default=20)
    chosen = parser.parse_args()
    if not chosen.folder.is_file():
        chosen.folder.mkdir(parents=True, exist_ok=True)
        for number, seed in enumerate(SEEDS[chosen.target]):
            (chosen.folder / f"seed-{number}").write_bytes(b"\xff" + seed + b"\n")
    options = [
        f"-max_total_time={chosen.seconds}",
        f"-rss_limit_mb={MEMORY_MB}",
        f"-max_len={LONGEST}",
        f"-artifact_prefix={chosen.folder}{os.sep}",
        "-timeout=5",
        "-print_final_stats=1",
        "-use_value_profile=1",
    ]
    atheris.Setup([sys.argv[0], *options, str(chosen.folder)], TARGETS[chosen.target])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
