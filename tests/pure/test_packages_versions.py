"""Versions, what may be asked of them, and which build of a tool suits a machine."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fbuild_watch.packages import hosts, versions
from fbuild_watch.packages.hosts import Host

IN_ORDER = ["latest", "0.1", "0.9.9", "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-beta.2", "1.0.0-beta.11",
            "1.0.0-rc.1", "1.0", "1.0.1", "1.2", "1.10.0", "2021.9", "20210101"]  # fmt: skip


SHUFFLED = [*IN_ORDER[::2], *IN_ORDER[1::2]]


def test_the_order_of_versions() -> None:
    assert sorted(SHUFFLED, key=versions.key) == IN_ORDER


@pytest.mark.parametrize("version", ["1.8", "1.8.0", "v1.8.0", "1.8.0+build7"])
def test_what_is_the_same_version(version: str) -> None:
    assert versions.key(version) == versions.key("1.8.0")
    assert versions.satisfies(version, "1.8.0")


ALLOWED = [
    ("1.2.3", ""), ("1.2.3", "*"), ("1.2.3", "1.2.3"), ("1.2.3", "=1.2.3"), ("1.9.0", "^1.2.3"),
    ("0.2.9", "^0.2.3"), ("0.0.3", "^0.0.3"), ("1.2.9", "~1.2.3"), ("1.9", "~1"), ("1.2.9", "~1.2"),
    ("1.5.0", ">=1.0.0,<2.0.0"), ("1.5.0", ">=1.0.0 <2"), ("1.5.0", "(>=1.0.0 && <2.0.0) || >3"),
    ("3.5", "(>=1.0.0 && <2.0.0) || >3"), ("1.0.0", ">= 1.0.0"), ("1.0.1", "!=1.0.0"),
    ("gcc12", "gcc12"), ("4.8.1-arduino5", "4.8.1-arduino5"),
]  # fmt: skip
REFUSED = [
    ("1.2.3", "1.2.4"), ("2.0.0", "^1.2.3"), ("1.2.2", "^1.2.3"), ("0.3.0", "^0.2.3"),
    ("0.0.4", "^0.0.3"), ("1.3.0", "~1.2.3"), ("2.0", "~1"), ("2.0.0-rc1", "^1.0.0"), ("2.0.0", ">=1,<2"),
    ("2.5", "(>=1.0.0 && <2.0.0) || >3"), ("1.0.0", "!=1.0"), ("1.0.0-rc1", "1.0.0"),
    ("gcc12", "gcc13"), ("4.8.1-arduino4", "4.8.1-arduino5"), ("1.0", ">1.0"), ("1.0", "<1.0.0"),
]  # fmt: skip


@pytest.mark.parametrize(("version", "constraint"), ALLOWED)
def test_allowed(version: str, constraint: str) -> None:
    assert versions.satisfies(version, constraint)


@pytest.mark.parametrize(("version", "constraint"), REFUSED)
def test_refused(version: str, constraint: str) -> None:
    assert not versions.satisfies(version, constraint)


@pytest.mark.parametrize("text", ["newest", "1.2 foo", "((1))", ">", "^", "1.2 || newest", "a b"])
def test_what_is_no_constraint(text: str) -> None:
    assert not versions.is_constraint(text)


def test_a_prerelease_only_if_it_must_be() -> None:
    there = ["1.0.0", "1.1.0-rc1", "0.9"]
    assert versions.best(there, "", str) == "1.0.0"
    assert versions.best(there, ">1.0.0", str) == "1.1.0-rc1"
    assert versions.best(there, ">2", str) is None


@given(st.text(max_size=30), st.text(max_size=30))
def test_no_text_is_too_odd(version: str, constraint: str) -> None:
    versions.key(version)
    versions.satisfies(version, constraint)
    versions.is_constraint(constraint)


NUMBERS = st.lists(st.integers(0, 20), min_size=1, max_size=4).map(
    lambda ns: ".".join(map(str, ns))
)


@given(NUMBERS, NUMBERS)
def test_constraints_follow_the_order(one: str, other: str) -> None:
    assert versions.satisfies(one, f">={other}") != versions.satisfies(one, f"<{other}")
    assert versions.satisfies(one, f"<={other}") != versions.satisfies(one, f">{other}")
    assert versions.satisfies(one, f"^{one}")
    assert versions.satisfies(one, f"~{one}")


TRIPLES = ["i686-mingw32", "x86_64-mingw32", "i686-linux-gnu", "x86_64-pc-linux-gnu",
           "x86_64-apple-darwin", "arm64-apple-darwin", "arm-linux-gnueabihf", "aarch64-linux-gnu"]  # fmt: skip


@pytest.mark.parametrize(
    ("host", "triple"),
    [
        (Host("linux", "amd64"), "x86_64-pc-linux-gnu"),
        (Host("linux", "386"), "i686-linux-gnu"),
        (Host("linux", "arm64"), "aarch64-linux-gnu"),
        (Host("linux", "arm"), "arm-linux-gnueabihf"),
        (Host("windows", "amd64"), "x86_64-mingw32"),
        (Host("windows", "386"), "i686-mingw32"),
        (Host("darwin", "amd64"), "x86_64-apple-darwin"),
        (Host("darwin", "arm64"), "arm64-apple-darwin"),
    ],
)
def test_the_build_for_a_machine(host: Host, triple: str) -> None:
    place = hosts.choose(host, TRIPLES)
    assert place is not None
    assert TRIPLES[place] == triple


@pytest.mark.parametrize(
    ("host", "triples", "chosen"),
    [
        (Host("windows", "amd64"), ["i686-mingw32"], 0),
        (Host("windows", "arm64"), ["i686-mingw32", "x86_64-cygwin"], 1),
        (Host("darwin", "arm64"), ["i386-apple-darwin11", "x86_64-apple-darwin"], 1),
        (Host("linux", "amd64"), ["i686-linux-gnu"], None),
        (Host("linux", "arm64"), ["x86_64-linux-gnu"], None),
        (Host("linux", "riscv64"), ["all"], 0),
        (Host("darwin", "arm64"), ["x86_64-apple-darwin", "aarch64-apple-darwin22"], 1),
        (Host("plan9", "mips"), TRIPLES, None),
        (Host("linux", "amd64"), [], None),
    ],
)
def test_what_runs_too(host: Host, triples: list[str], chosen: int | None) -> None:
    assert hosts.choose(host, triples) == chosen


def test_this_machine_has_a_build() -> None:
    assert hosts.choose(hosts.this_host(), [*TRIPLES, "amd64-freebsd13"]) is not None
