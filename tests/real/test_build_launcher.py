"""`custom_compiler_launcher`: the compilers that others have already distributed or cached."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio

from fbuild_watch.build import Builder
from fbuild_watch.errors import InvalidProject, ProgramMissing
from fbuild_watch.model import Environment
from fbuild_watch.profiles import launcher
from tests.real.build_kit import HostProject, script, two_units, wait_until


@pytest.fixture
def project(tmp_path: Path) -> HostProject:
    made = HostProject(tmp_path / "project", compiler="gcc")
    two_units(made)
    return made


def custom(**options: str) -> Environment:
    return Environment("e", Path("/p"), Path("/p/src"), Path("/p/b"), "t:h:host", custom=options)


async def test_compilers_are_run_through_it_and_the_linker_is_not(project: HostProject) -> None:
    log = project.root / "log"
    through = script(project.root / "through", f'echo "$@" >> {log}; shift; exec "$@"')
    await Builder(project.plan(), launcher=(through, "--flag")).build()
    lines = log.read_text().splitlines()
    assert len(lines) == 3
    assert all(line.startswith("--flag gcc ") and " -c " in line for line in lines)


async def test_a_launcher_makes_no_other_object(project: HostProject) -> None:
    await Builder(project.plan()).build()
    through = script(project.root / "through", 'exec "$@"')
    assert (await Builder(project.plan(), launcher=(through,)).build()).compiled == ()


def test_the_option_is_words_and_names_a_program() -> None:
    assert launcher(custom()) == ()
    assert launcher(custom(compiler_launcher="sh -c")) == ("sh", "-c")
    with pytest.raises(ProgramMissing, match="no-such-launcher") as failure:
        launcher(custom(compiler_launcher="no-such-launcher"))
    assert "custom_compiler_launcher" in str(failure.value)
    with pytest.raises(InvalidProject, match="cannot be split"):
        launcher(custom(compiler_launcher="'open"))


@pytest.mark.skipif(shutil.which("ccache") is None, reason="ccache is not installed")
async def test_ccache_serves_a_second_build(
    project: HostProject, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CCACHE_DIR", str(tmp_path / "ccache"))
    for name in ("CCACHE_DISABLE", "CCACHE_READONLY"):
        monkeypatch.delenv(name, raising=False)
    first = await Builder(project.plan(), launcher=("ccache",)).build()
    before = first.elf.read_bytes()
    shutil.rmtree(project.build_dir)
    second = await Builder(project.plan(), launcher=("ccache",)).build()
    assert len(second.compiled) == 3
    assert second.elf.read_bytes() == before
    said = await trio.run_process(("ccache", "--print-stats"), capture_stdout=True)
    counts = dict(line.split("\t") for line in said.stdout.decode().splitlines() if "\t" in line)
    assert int(counts["direct_cache_hit"]) + int(counts["preprocessed_cache_hit"]) == 3


@contextlib.contextmanager
def compile_server(folder: Path) -> Iterator[tuple[str, Path]]:
    """distcc's server on loopback: its address, and its log."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    log = folder / "distccd.log"
    command = ("distccd", "--no-detach", "--daemon", "--listen", "127.0.0.1", "--allow",
               "127.0.0.1", "--port", str(port), "--log-stderr", "--verbose",
               "--enable-tcp-insecure", "--make-me-a-botnet")  # fmt: skip
    with log.open("wb") as words:  # as root it becomes somebody else, who may open nothing here
        server = subprocess.Popen(command, cwd="/", stderr=words)
    try:
        yield f"127.0.0.1:{port}", log
    finally:
        server.terminate()
        server.wait()


def answers(address: str) -> bool:
    """Whether a server listens."""
    host, _, port = address.partition(":")
    with contextlib.suppress(OSError), socket.create_connection((host, int(port))):
        return True
    return False


@pytest.mark.skipif(shutil.which("distccd") is None, reason="distcc is not installed")
async def test_distcc_compiles_over_the_network(
    project: HostProject, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with compile_server(tmp_path) as (address, log):
        await wait_until(lambda: answers(address))
        monkeypatch.setenv("DISTCC_HOSTS", address)
        monkeypatch.setenv("DISTCC_FALLBACK", "0")  # never here: over there, or not at all
        monkeypatch.setenv("DISTCC_DIR", str(tmp_path))
        built = await Builder(project.plan(), jobs=2, launcher=("distcc",)).build()
        assert len(built.compiled) == 3
        await wait_until(lambda: log.read_text().count("COMPILE_OK") == 3)
        assert os.access(built.elf, os.X_OK)
        project.write("b.h", "#define B 3\n")
        again = await Builder(project.plan(), launcher=("distcc",)).build()
        assert [path.name for path in again.compiled] == ["main.c"]
