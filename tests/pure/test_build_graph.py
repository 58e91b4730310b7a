"""The graph without a disk: what makes a job dirty, and the reason that is given."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fbuild_watch.build import jobs
from fbuild_watch.build.graph import Job, Look, Reason, Record, Version, digest, mentions, why
from fbuild_watch.model import Step

JOB = Job("a.c", ("cc", "a.c", "-o", "a.o"), "a.o", ("a.c", "cc"), mentions=("a.ld",))

Files = dict[str, bytes]
FILES: Files = {"a.c": b"1", "a.h": b"2", "a.o": b"3", "cc": b"4"}


@cache
def version(path: str, content: bytes) -> Version:
    """The one object for a content."""
    return Version(path, content)


def look_in(files: Files) -> Look:
    return lambda path: version(path, files[path]) if path in files else None


RECORD = Record(
    JOB.identity,
    (version("a.c", b"1"), version("cc", b"4"), version("a.h", b"2")),
    version("a.o", b"3"),
)


def ask(
    job: Job, record: Record | None, files: Files, suspected: Container[str] = ()
) -> Reason | None:
    def declared(job: Job) -> list[str]:
        return [*job.inputs, *(name for name in job.mentions if name in files)]

    return why(job, record, look_in(files), declared, suspected)


def test_what_nothing_changed_in_is_current() -> None:
    assert ask(JOB, RECORD, FILES) is None
    assert ask(JOB, RECORD, {**FILES, "other.h": b"x"}) is None


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"a.h": b"x"}, Reason("input changed", "a.h")),
        ({"a.h": None}, Reason("input missing", "a.h")),
        ({"a.c": b"x"}, Reason("input changed", "a.c")),
        ({"a.o": None}, Reason("output missing", "a.o")),
        ({"a.o": b"half"}, Reason("output changed", "a.o")),
        ({"a.ld": b"new"}, Reason("input new", "a.ld")),
    ],
)
def test_one_change_is_one_reason(changes: dict[str, bytes | None], reason: Reason) -> None:
    files = {name: now for name, now in {**FILES, **changes}.items() if now is not None}
    assert ask(JOB, RECORD, files) == reason
    assert ask(JOB, RECORD, files, suspected=changes.keys()) == reason
    assert reason.path in str(reason)


def test_what_is_suspected_is_asked_for_first() -> None:
    files = {**FILES, "a.c": b"x", "a.h": b"x"}
    assert ask(JOB, RECORD, files, suspected={"a.h"}) == Reason("input changed", "a.h")
    assert ask(JOB, RECORD, FILES, suspected={"a.h"}) is None


def test_the_command_is_an_input() -> None:
    assert ask(replace(JOB, argv=("cc", "-O2", "a.c")), RECORD, FILES) == Reason("command changed")
    joined = replace(JOB, argv=("cc a.c", "-o", "a.o"))
    assert joined.identity != JOB.identity


def test_without_record_or_output_it_runs() -> None:
    assert ask(JOB, None, FILES) == Reason("never built")
    gone = {name: now for name, now in FILES.items() if name != JOB.output}
    assert ask(JOB, RECORD, gone) == Reason("output missing", JOB.output)


files = st.dictionaries(st.sampled_from(["a.c", "a.h", "b.h", "cc", "a.o"]), st.binary(max_size=1))


@given(before=files, after=files)
def test_dirty_exactly_when_something_it_read_or_made_differs(
    before: dict[str, bytes], after: dict[str, bytes]
) -> None:
    inputs = tuple(version(name, before[name]) for name in ("a.c", "cc", "a.h") if name in before)
    if not {"a.c", "cc", "a.o"} <= before.keys():
        return
    record = Record(JOB.identity, inputs, version("a.o", before["a.o"]))
    same = all(after.get(seen.path) == seen.digest for seen in inputs)
    assert (ask(JOB, record, after) is None) == (same and after.get("a.o") == before["a.o"])


@pytest.mark.parametrize(
    ("word", "name"),
    [("x.ld", "x.ld"), ("-Tx.ld", "x.ld"), ("-Wl,-T,x.ld", "x.ld"), ("-Wl,-Tx.ld", "x.ld"),
     ("-Wl,--script=x.ld", "x.ld"), ("--script=x.ld", "x.ld"), ("@words", "words")],
)  # fmt: skip
def test_files_that_a_command_may_name(word: str, name: str) -> None:
    assert name in mentions(("ld", "-o", "out", word))
    assert "ld" not in mentions(("ld", word))


def test_a_step_does_not_take_what_it_writes_for_an_input() -> None:
    build = Path("/p/.fbuild/build/e")
    argv = ("ld", "-T", "x.ld", f"-Map={build}/f.map", f"{build}/m.o", "-o", f"{build}/f.elf")
    step = Step("link", argv, build / "f.elf", (build / "m.o",))
    job = jobs.of_step(step, Path("/p"), build, "/usr/bin/ld")
    assert job.inputs == (f"{build}/m.o", "/usr/bin/ld")
    assert "/p/x.ld" in job.mentions
    assert not any(name.startswith(f"{build}/") for name in job.mentions)


def test_digests_have_128_bits() -> None:
    assert len(digest(b"")) == 16
    assert digest(b"a") != digest(b"b")
