"""Repositories, through the git of this machine; all of them local."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from fbuild_watch.errors import DownloadFailed, UnsafeArchive, UnsupportedPackage
from fbuild_watch.packages import Packages, Requirements, git
from fbuild_watch.packages import wanted as wants
from fbuild_watch.packages.sources import Source

from .package_kit import places

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


class Repository:
    """A repository with a tag, a branch and a commit between them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self.git("init", "--quiet", "--initial-branch=main")
        self.first = self.commit("first")
        self.git("tag", "v1")
        self.second = self.commit("second")
        self.git("branch", "next")
        self.third = self.commit("third")

    def git(self, *arguments: str) -> str:
        name = [
            "-c",
            "user.name=Test",
            "-c",
            "user.email=test@example.org",
            "-c",
            "commit.gpgsign=0",
        ]
        environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
        done = subprocess.run(["git", *name, *arguments], cwd=self.folder, env=environment,
                              check=True, capture_output=True, text=True)  # fmt: skip
        return done.stdout.strip()

    def commit(self, text: str) -> str:
        (self.folder / "src").mkdir(exist_ok=True)
        (self.folder / "src/Lib.h").write_text(f"// {text}\n")
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", text)
        return self.git("rev-parse", "HEAD")

    def url(self, ref: str = "") -> str:
        return f"Lib=git+{self.folder.as_uri()}{'#' if ref else ''}{ref}"


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "repository")


@pytest.fixture
def packages(tmp_path: Path) -> Iterator[Packages]:
    session = Packages(places(tmp_path))
    yield session
    session.close()


async def installed(packages: Packages, text: str) -> Path:
    one = wants.library(text, Path())
    return (await packages.ensure(Requirements((one,)), offline=True)).libraries[0]


@pytest.mark.parametrize(
    ("ref", "text"), [("", "third"), ("v1", "first"), ("next", "second"), ("main", "third")]
)
async def test_a_branch_or_a_tag(
    packages: Packages, repository: Repository, ref: str, text: str
) -> None:
    folder = await installed(packages, repository.url(ref))
    assert (folder / "src/Lib.h").read_text() == f"// {text}\n"
    assert not (folder / ".git").exists()


@pytest.mark.parametrize("length", [40, 10])
async def test_a_commit(packages: Packages, repository: Repository, length: int) -> None:
    folder = await installed(packages, repository.url(repository.second[:length]))
    assert (folder / "src/Lib.h").read_text() == "// second\n"


async def test_two_refs_lie_side_by_side(packages: Packages, repository: Repository) -> None:
    first = await installed(packages, repository.url("v1"))
    second = await installed(packages, repository.url("next"))
    assert first != second
    assert first.parent == second.parent


@pytest.mark.parametrize("ref", ["none", "0123456"])
async def test_a_ref_that_is_not_there(
    packages: Packages, repository: Repository, ref: str
) -> None:
    with pytest.raises(DownloadFailed, match=ref) as caught:
        await installed(packages, repository.url(ref))
    assert "library" in caught.value.fields()["package"]
    assert not packages.store.all()


async def test_what_git_says_first_is_the_reason(packages: Packages, tmp_path: Path) -> None:
    with pytest.raises(DownloadFailed, match="does not appear to be a git repository"):
        await installed(packages, f"git+{(tmp_path / 'nowhere').as_uri()}")


async def test_a_server_that_does_not_answer_is_not_waited_for(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/lib.git"
        with pytest.raises(DownloadFailed, match=r"no answer within 0\.5 s"):
            await git.clone(Source("git", url), tmp_path, package="library lib", answer_s=0.5)


async def test_no_option_can_be_smuggled_in(packages: Packages, repository: Repository) -> None:
    with pytest.raises(UnsupportedPackage, match="dash"):
        await installed(packages, repository.url("--upload-pack=evil"))


async def test_a_link_out_is_refused(packages: Packages, repository: Repository) -> None:
    (repository.folder / "src/out").symlink_to("../../../secret")
    repository.commit("link")
    with pytest.raises(UnsafeArchive, match="src/out"):
        await installed(packages, repository.url())
    assert not packages.store.all()
    assert not list(packages.store.places.aside.glob("*"))


async def test_without_git_it_is_said(
    packages: Packages, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(DownloadFailed, match="git is not installed"):
        await installed(packages, repository.url())
