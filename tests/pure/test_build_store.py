"""Memory and its log: what is saved comes back; anything else is an empty store."""

from __future__ import annotations

import errno
import itertools
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fbuild_watch.build.graph import Look, Record
from fbuild_watch.build.memory import Memory, Stamp
from fbuild_watch.build.store import Store
from fbuild_watch.system.files import write_atomically, write_if_changed

names = st.text(st.sampled_from("ab/ é\udcff"), min_size=1, max_size=3)
digests = st.sampled_from([bytes([n]) * 16 for n in range(4)])
Said = tuple[bytes, list[tuple[str, bytes]], bytes]
"""A record in plain words: identity, inputs, output."""
said = st.tuples(digests, st.lists(st.tuples(names, digests), max_size=3), digests)
learnt = st.dictionaries(names, st.one_of(said, st.none()), max_size=3)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("store")


def learn(memory: Memory, output: str, record: Said | None) -> None:
    if record is None:
        memory.drop(output)
        return
    identity, inputs, made = record
    versions = tuple(memory.version(path, digest) for path, digest in inputs)
    memory.put(output, Record(identity, versions, memory.version(output, made)))
    memory.stamp(output, Stamp(1, 2, 3, 4, made))


def plain(memory: Memory) -> dict[str, Said]:
    return {
        output: (
            record.identity,
            [(version.path, version.digest) for version in record.inputs],
            record.output.digest,
        )
        for output, record in memory.records.items()
    }


def look_in(memory: Memory, files: dict[str, bytes]) -> Look:
    return lambda path: memory.version(path, files[path]) if path in files else None


counter = itertools.count()


@given(st.lists(st.tuples(learnt, st.booleans()), max_size=5))
def test_what_builds_learnt_one_after_the_other_is_what_is_loaded(
    folder: Path, builds: list[tuple[dict[str, Said | None], bool]]
) -> None:
    path = folder / f"store{next(counter)}"
    store = Store(path)
    memory = store.load()
    for outputs, restart in builds:
        for output, record in outputs.items():
            learn(memory, output, record)
        store.save(memory)
        assert store.is_current()
        assert not memory.unsaved
        if restart:
            store = Store(path)
            again = store.load()
            assert plain(again) == plain(memory)
            assert again.stamps.items() >= {
                (output, stamp) for output, stamp in memory.stamps.items()
                if output in memory.records
            }  # fmt: skip
            memory = again
    assert plain(Store(path).load()) == plain(memory)


@given(st.binary(max_size=60))
def test_anything_else_is_empty(folder: Path, data: bytes) -> None:
    path = folder / "damaged"
    path.write_bytes(data)
    store = Store(path)
    memory = store.load()
    assert plain(memory) == {}
    learn(memory, "a.o", (b"d" * 16, [], b"d" * 16))
    store.save(memory)
    assert plain(Store(path).load()) == plain(memory)


def test_a_log_that_was_cut_short_keeps_what_is_whole_and_goes_on(folder: Path) -> None:
    path, digest = folder / "short", b"d" * 16
    store = Store(path)
    memory = store.load()
    sizes = []
    for name in ("a.o", "b.o"):
        learn(memory, name, (digest, [("a.c", digest)], digest))
        store.save(memory)
        sizes.append(path.stat().st_size)
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        store = Store(path)
        memory = store.load()
        assert set(memory.records) == ({"a.o"} if length >= sizes[0] else set())
        learn(memory, "c.o", (digest, [], digest))
        store.save(memory)
        assert plain(Store(path).load()) == plain(memory)
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    assert set(Store(path).load().records) == {"a.o"}


def test_history_does_not_grow_without_end(folder: Path) -> None:
    path = folder / "long"
    store = Store(path)
    memory = store.load()
    inputs = [(f"header{number}.h", b"d" * 16) for number in range(2000)]
    sizes = []
    for edit in range(2000):
        learn(memory, "a.o", (edit.to_bytes(16, "big"), inputs, b"d" * 16))
        store.save(memory)
        sizes.append(path.stat().st_size)
    assert max(sizes) < 5 << 20
    assert min(sizes[1:]) < sizes[-1]
    assert plain(Store(path).load()) == plain(memory)


def test_a_full_disk_costs_only_what_could_not_be_written(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, digest = folder / "full", b"d" * 16
    store = Store(path)
    memory = store.load()
    learn(memory, "a.o", (digest, [("a.c", digest)], digest))
    store.save(memory)
    learn(memory, "b.o", (digest, [("b.c", digest)], digest))
    with monkeypatch.context() as full:
        full.setattr(Path, "open", _refuse)
        with pytest.raises(OSError, match="No space"):
            store.save(memory)
    learn(memory, "c.o", (digest, [("c.c", digest)], digest))
    store.save(memory)
    assert plain(Store(path).load()) == plain(memory)


def _refuse(*_: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_another_writer_is_noticed(folder: Path) -> None:
    path, digest = folder / "shared", b"d" * 16
    ours, theirs = Store(path), Store(path)
    memory = ours.load()
    learn(memory, "a.o", (digest, [], digest))
    ours.save(memory)
    assert not theirs.is_current()
    other = theirs.load()
    learn(other, "b.o", (digest, [], digest))
    theirs.save(other)
    assert theirs.is_current()
    assert not ours.is_current()
    assert set(ours.load().records) == {"a.o", "b.o"}
    path.unlink()
    assert not ours.is_current()
    assert ours.load().records == {}


def test_users_and_changes_follow_what_is_put() -> None:
    memory, old, new = Memory(), b"o" * 16, b"n" * 16
    learn(memory, "a.o", (old, [("a.c", old), ("x.h", old)], old))
    assert set(memory.users("x.h")) == {"a.o"}
    learn(memory, "b.o", (old, [("b.c", old), ("x.h", old)], old))
    assert set(memory.users("x.h")) == {"a.o", "b.o"}
    files = {"a.c": old, "b.c": old, "x.h": old, "a.o": old, "b.o": old}
    assert memory.changed(look_in(memory, files)) == set()
    assert memory.changed(look_in(memory, {**files, "x.h": new})) == {"a.o", "b.o"}
    assert memory.changed(look_in(memory, {**files, "b.o": new})) == {"b.o"}
    learn(memory, "a.o", (old, [("a.c", old), ("x.h", new)], old))
    assert memory.changed(look_in(memory, {**files, "x.h": new})) == {"b.o"}
    assert memory.changed(look_in(memory, {**files, "x.h": new})) == {"b.o"}
    learn(memory, "b.o", (old, [("b.c", old)], old))
    assert memory.changed(look_in(memory, {**files, "x.h": new})) == set()
    assert set(memory.paths()) == {"a.c", "b.c", "x.h", "a.o", "b.o"}


@given(st.lists(st.tuples(names, said), max_size=6), st.dictionaries(names, digests))
def test_changed_is_what_a_walk_over_all_records_finds(
    puts: list[tuple[str, Said]], files: dict[str, bytes]
) -> None:
    memory = Memory()
    for output, record in puts:
        learn(memory, output, record)
    expected = {
        output
        for output, (_, inputs, made) in plain(memory).items()
        if any(files.get(path) != digest for path, digest in [*inputs, (output, made)])
    }
    for _ in range(2):
        assert memory.changed(look_in(memory, files)) == expected


def test_a_file_is_replaced_whole_and_only_when_it_differs(folder: Path) -> None:
    path = folder / "file"
    assert write_if_changed(path, b"one")
    assert not write_if_changed(path, b"one")
    assert write_if_changed(path, b"two")
    assert path.read_bytes() == b"two"
    with pytest.raises(OSError, match="No such file"):
        write_atomically(folder / "nowhere" / "file", b"x")
    assert not [name for name in folder.iterdir() if name.name.endswith(".tmp")]
