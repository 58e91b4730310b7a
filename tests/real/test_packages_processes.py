"""Several processes and one store: all at once, killed in the middle, removing what others use."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .package_kit import Server, serving

DEADLINE_S = 60.0
Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as running:
        yield running


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
def start(store: Path) -> Iterator[Start]:
    """Starts `fbuild packages ...` on the test's store; what still runs at the end is killed."""
    running: list[subprocess.Popen[str]] = []
    environment = {**os.environ, "FBUILD_PACKAGES_DIR": str(store)}
    environment.pop("FBUILD_OFFLINE", None)

    def begin(*arguments: str, **more: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "fbuild_watch", "packages", *arguments],
            env={**environment, **more}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        running.append(process)
        return process

    yield begin
    for process in running:
        if process.poll() is None:
            process.kill()
        process.communicate()


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Exit code, stdout, stderr."""
    out, err = process.communicate(timeout=DEADLINE_S)
    return process.returncode, out, err


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def left_behind(store: Path) -> list[Path]:
    return [*store.glob(".store/aside/*"), *store.glob(".store/cache/downloads/*")]


def test_four_at_once_install_it_once(server: Server, start: Start, store: Path) -> None:
    index = server.platform()
    server.replies["/core-1.0.0.tar.gz"].faults.append("gate")
    processes = [start("install", "acme:chip", "--index", index) for _ in range(4)]
    wait_for(lambda: server.count("/package_acme_index.json") == 4)
    server.gate.set()
    results = [ended(process) for process in processes]
    assert [code for code, _, _ in results] == [0] * 4, results
    assert len({out for _, out, _ in results}) == 1
    assert server.count("/core-1.0.0.tar.gz") == server.count("/gcc.tar.gz") == 1
    assert not left_behind(store)


def test_killed_while_it_downloads_the_next_one_goes_on(
    server: Server, start: Start, store: Path
) -> None:
    index = server.platform(data=None)
    server.replies["/core-1.0.0.tar.gz"].faults.append("gate")
    process = start("install", "acme:chip", "--index", index)
    part = store / ".store/cache/downloads/packages~acme~hardware~chip~1.0.0"
    wait_for(lambda: part.exists() and part.stat().st_size > 0)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert not (store / "packages").exists()
    server.gate.set()
    code, _, err = ended(start("install", "acme:chip", "--index", index))
    assert code == 0, err
    assert server.requests[-2].headers["range"].startswith("bytes=")
    assert not left_behind(store)


def test_killed_while_it_unpacks_the_next_one_is_whole(
    server: Server, start: Start, store: Path, tmp_path: Path
) -> None:
    many = {f"core/f{n}": b"x" * 2000 for n in range(3000)} | {"core/boards.txt": b"a.name=A\n"}
    from .package_kit import tar

    index = server.platform(data=tar(many))
    for _ in range(3):
        process = start("install", "acme:chip", "--index", index)
        wait_for(
            lambda: any(store.glob(".store/aside/*/core/f1*")) or (store / "packages").exists()
        )
        process.send_signal(signal.SIGKILL)
        process.communicate()
    code, out, err = ended(start("install", "acme:chip", "--index", index, "--verify"))
    assert code == 0, err
    assert len(list(Path(out.splitlines()[0]).glob("f*"))) == 3000
    assert not left_behind(store)


def test_interrupted_it_leaves_nothing_half(server: Server, start: Start, store: Path) -> None:
    index = server.platform()
    server.replies["/core-1.0.0.tar.gz"].faults.append("gate")
    process = start("install", "acme:chip", "--index", index)
    wait_for(lambda: server.count("/core-1.0.0.tar.gz") == 1)
    process.send_signal(signal.SIGINT)
    code, _, err = ended(process)
    assert code == 130, err
    assert not (store / "packages").exists()
    assert not list(store.glob(".store/aside/*"))


def test_offline_is_quick_and_has_its_exit_code(server: Server, start: Start) -> None:
    started = time.monotonic()
    code, _, err = ended(start("install", "acme:chip", "--index", server.platform(), "--offline"))
    assert time.monotonic() - started < 10
    assert code == 107
    assert "acme:chip" in err
    assert server.url in err
    code, _, err = ended(start("install", "arduino:avr", FBUILD_OFFLINE="1"))
    assert code == 107
    assert "package_index.json" in err


def test_list_remove_and_gc(server: Server, start: Start, store: Path) -> None:
    assert ended(start("list"))[0] == 0
    index = server.platform()
    assert ended(start("install", "acme:chip", "--index", index))[0] == 0
    listed = json.loads(ended(start("list", "--json"))[1])
    assert [(one["kind"], one["name"], one["version"]) for one in listed] == [
        ("platform", "acme:chip", "1.0.0"), ("tool", "acme:gcc", "12-r1")]  # fmt: skip
    assert "acme:gcc" in ended(start("list"))[1]
    code, _, err = ended(start("remove", "acme:nothing"))
    assert code == 100
    assert "packages list" in err
    assert ended(start("remove", "acme:chip@1.0.0"))[0] == 0
    assert not (store / "packages/acme/hardware").exists()
    assert (store / "packages/acme/tools/gcc/12-r1/bin/gcc").exists()
    assert "0 packages" in ended(start("gc"))[1]
    assert "1 packages" in ended(start("gc", "--days", "0"))[1]
    assert not (store / "packages/acme/tools/gcc").exists()


def test_what_is_in_use_is_not_removed(
    server: Server, start: Start, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import trio

    from fbuild_watch.packages import Packages, Requirements, user_places
    from fbuild_watch.packages import wanted as wants

    monkeypatch.setenv("FBUILD_PACKAGES_DIR", str(store))
    monkeypatch.delenv("FBUILD_OFFLINE", raising=False)
    session = Packages(user_places())
    required = Requirements((wants.platform("acme:chip"),), (server.platform(),))
    trio.run(session.ensure, required)
    try:
        code, _, err = ended(start("remove", "acme:chip"))
        assert code == 108
        assert "acme:chip@1.0.0" in err
        assert "0 packages" in ended(start("gc", "--days", "0"))[1]
    finally:
        session.close()
    assert "2 packages" in ended(start("gc", "--days", "0"))[1]


def test_wrong_usage_is_said(start: Start) -> None:
    code, _, err = ended(start("install", "13"))
    assert code == 101
    assert "library" in err
    code, _, err = ended(start("install", "toolchain-atmelavr@1.0", "--tool"))
    assert code == 101
    assert "registry" in err


def test_a_full_or_forbidden_store_is_our_error(
    server: Server, start: Start, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    code, _, err = ended(
        start("install", "acme:chip", "--index", server.platform(),
              FBUILD_PACKAGES_DIR=str(tmp_path / "file" / "below"))
    )  # fmt: skip
    assert code == 109, err
    assert "FBUILD_PACKAGES_DIR" in err
