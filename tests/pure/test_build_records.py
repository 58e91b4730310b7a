"""The store: what is saved comes back; anything else is an empty store."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fbuild_watch.build import records
from fbuild_watch.build.graph import Record
from fbuild_watch.build.tree import Stamp
from fbuild_watch.files import write_atomically, write_if_changed

names = st.text(st.sampled_from("ab/ é\udcff"), min_size=1, max_size=6)
digests = st.binary(min_size=16, max_size=16)
stored_records = st.builds(
    Record, digests, st.lists(st.tuples(names, digests), max_size=3).map(tuple), digests
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("store")


@given(st.dictionaries(names, stored_records, max_size=3), st.dictionaries(names, digests))
def test_round_trip(folder: Path, kept: dict[str, Record], stamps: dict[str, bytes]) -> None:
    memory = records.Memory({name: Stamp(1, 2, 3, 4, d) for name, d in stamps.items()}, kept)
    path = folder / "store"
    records.save(path, memory)
    loaded = records.load(path)
    named = set(kept) | {name for record in kept.values() for name, _ in record.inputs}
    assert loaded.records == kept
    assert loaded.stamps == {k: v for k, v in memory.stamps.items() if k in named}


@given(st.binary(max_size=60))
def test_anything_else_is_empty(folder: Path, data: bytes) -> None:
    path = folder / "damaged"
    path.write_bytes(data)
    assert records.load(path) == records.Memory()


def test_every_truncation_is_empty(folder: Path) -> None:
    path = folder / "short"
    digest = b"d" * 16
    records.save(path, records.Memory({}, {"a.o": Record(digest, (("a.c", digest),), digest)}))
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        assert records.load(path) == records.Memory()
    assert records.load(folder / "absent") == records.Memory()


def test_a_file_is_replaced_whole_and_only_when_it_differs(folder: Path) -> None:
    path = folder / "file"
    assert write_if_changed(path, b"one")
    assert not write_if_changed(path, b"one")
    assert write_if_changed(path, b"two")
    assert path.read_bytes() == b"two"
    with pytest.raises(OSError, match="No such file"):
        write_atomically(folder / "nowhere" / "file", b"x")
    assert not [name for name in folder.iterdir() if name.name.endswith(".tmp")]
