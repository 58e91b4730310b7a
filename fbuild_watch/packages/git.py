"""A repository at one commit, through the `git` that is on this machine.

Only what is asked for is fetched (one commit, and its submodules). Nobody is asked for a password,
no hook of the user's templates runs, and the history is thrown away. The server is asked something
small first, with a time limit: git itself waits minutes for a host that does not answer.
"""

from __future__ import annotations

import math
import os
import re
import shutil
from pathlib import Path

import trio

from fbuild_watch.errors import (
    CommandNotStarted,
    DownloadFailed,
    TimedOut,
    UnsafeArchive,
    UnsupportedPackage,
)
from fbuild_watch.packages.sources import Source
from fbuild_watch.processes.ended import Ended, text
from fbuild_watch.processes.run_command import run_command
from fbuild_watch.system.surroundings import environ

_STALLED_S = 15
ANSWER_S = 15.0
"""How long a server may take to say what it has."""
_QUIET = ("-c", "http.lowSpeedLimit=1", "-c", f"http.lowSpeedTime={_STALLED_S}",
          "-c", "advice.detachedHead=false", "-c", "core.hooksPath=")  # fmt: skip


async def clone(source: Source, into: Path, *, package: str, answer_s: float = ANSWER_S) -> None:
    """Fill the empty folder `into`. Raises DownloadFailed, UnsafeArchive, UnsupportedPackage."""
    if source.ref.startswith("-") or source.url.startswith("-"):
        raise UnsupportedPackage(str(source), "starts with a dash", hint="check the URL")
    run = _Git(source, into, package)
    await run.git("init", "--quiet", "--template=")
    await run.git("remote", "add", "origin", "--", source.url)
    await run.git("ls-remote", "--quiet", "origin", "HEAD", time_limit=answer_s)
    commit = await _fetch(run, source.ref)
    await run.git("checkout", "--quiet", "--detach", commit)
    await run.git("submodule", "--quiet", "update", "--init", "--recursive", "--depth", "1")
    await trio.to_thread.run_sync(_strip, into)
    await trio.to_thread.run_sync(_check_links, into, str(source))


async def _fetch(run: _Git, ref: str) -> str:
    """Fetch a ref and name its commit. A short commit id is found in the whole history only."""
    try:
        await run.git("fetch", "--quiet", "--depth", "1", "origin", ref or "HEAD")
    except DownloadFailed:
        if not re.fullmatch(r"[0-9a-f]{4,39}", ref):
            raise
        await run.git("fetch", "--quiet", "--tags", "origin", "+refs/heads/*:refs/remotes/origin/*")
        return ref
    return "FETCH_HEAD"


class _Git:
    """Runs git in one folder."""

    def __init__(self, source: Source, folder: Path, package: str) -> None:
        self._source = source
        self._folder = folder
        self._package = package

    async def git(self, *arguments: str, time_limit: float = math.inf) -> None:
        """One command. Raises DownloadFailed with git's last words. Cancelling ends it."""
        argv = ("git", *_QUIET, *arguments)
        try:
            ended = await run_command(
                argv, cwd=self._folder, env=_environment(), time_limit=time_limit
            )
        except CommandNotStarted as error:
            reason = "git is not installed" if error.missing else str(error)
            raise self._failed(reason) from error
        except TimedOut as error:
            raise self._failed(f"no answer within {time_limit:g} s") from error
        if ended.code:
            raise self._failed(_last_words(ended))

    def _failed(self, reason: str) -> DownloadFailed:
        return DownloadFailed(self._package, str(self._source), reason, tries=1)


def _environment() -> dict[str, str]:
    """Without the repository that fbuild itself may have been started in."""
    own = {name: value for name, value in environ().items() if not name.startswith("GIT_")}
    return {**own, "GIT_TERMINAL_PROMPT": "0", "GIT_SSH_COMMAND": "ssh -o BatchMode=yes",
            "LC_ALL": "C"}  # fmt: skip


def _last_words(ended: Ended) -> str:
    """The first `fatal:` with what stands before it (ssh's own words); advice may follow it."""
    lines = [line for line in text(ended.stderr).splitlines() if line.strip()]
    fatal = next((at for at, line in enumerate(lines) if line.startswith("fatal:")), len(lines))
    return "; ".join(lines[max(fatal - 1, 0) : fatal + 1]) or f"git ended with {ended.code}"


def _strip(root: Path) -> None:
    """Remove git's own files, also those of submodules."""
    for folder, folders, names in os.walk(root):
        if ".git" in folders:
            folders.remove(".git")
            shutil.rmtree(Path(folder) / ".git")
        if ".git" in names:
            (Path(folder) / ".git").unlink()


def _check_links(root: Path, label: str) -> None:
    real = os.path.realpath(root) + os.sep
    for folder, folders, names in os.walk(root):
        for name in (*folders, *names):
            path = Path(folder) / name
            if path.is_symlink() and not f"{os.path.realpath(path)}{os.sep}".startswith(real):
                member = path.relative_to(root).as_posix()
                raise UnsafeArchive(label, member, "is a link out of the package")
