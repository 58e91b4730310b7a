"""Where a package comes from, as people write it: an archive's URL, a git repository, a folder. Pure.

Rules
- `http://`, `https://` and `file://` name an archive, unless the path ends in `.git` (a repository)
  or is a folder on this machine (used where it lies, so that edits in it count).
- `git+URL`, `git://`, `ssh://` and `user@host:path` name a repository; so does the plain page of
  one on the large public hosts (`https://github.com/OWNER/NAME`), as PlatformIO has it.
- `#REF` behind a repository is a branch, a tag or a commit.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal
from urllib.parse import SplitResult, unquote, urlsplit
from urllib.request import url2pathname

_SCP = re.compile(r"[\w.\-]+@[\w.\-]+:(?!//)\S+")
_SCHEME = re.compile(r"([a-z][a-z0-9+.\-]*)://", re.IGNORECASE)
_GIT_HOSTS = frozenset(("github.com", "gitlab.com", "bitbucket.org", "codeberg.org"))
_FORMS = frozenset(("http", "https", "file", "symlink", "git", "ssh"))
_SUFFIXES = re.compile(r"(\.(git|zip|tgz|tbz2|txz|tzst|tar(\.(gz|bz2|xz|zst))?))+$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Source:
    """A place to get one package from."""

    form: Literal["archive", "git", "folder"]
    url: str
    """Without `git+` and without the ref; for a folder its path."""
    ref: str = ""

    def __str__(self) -> str:
        return f"{self.url}#{self.ref}" if self.ref else self.url

    @property
    def name(self) -> str:
        """What the last part of the URL calls it, without suffixes of archives."""
        scp = _SCP.fullmatch(self.url)
        name = PurePosixPath(self.url.rpartition(":")[2]).name if scp else file_name(self.url)
        return _SUFFIXES.sub("", name)


def is_url(text: str) -> bool:
    """Whether a requirement names a place, not a package of an index."""
    return bool(_SCHEME.match(text) or _SCP.fullmatch(text))


def parse(text: str, base: Path) -> Source | None:
    """Read a place; relative folders start at `base`. None: a form that is not known here."""
    if _SCP.fullmatch(text):
        url, _, ref = text.partition("#")
        return Source("git", url, ref)
    plain = text.removeprefix("git+")
    match = _SCHEME.match(plain)
    scheme = match[1].lower() if match else ""
    url, _, ref = plain.partition("#")
    if scheme not in _FORMS or _split(url) is None:
        return None
    if plain != text or scheme in ("git", "ssh") or _is_repository(url):
        return Source("git", url, ref)
    if scheme in ("file", "symlink"):
        return _local(url, scheme, base)
    return Source("archive", url)


def local_path(url: str) -> Path | None:
    """The file that a file:// URL names; None for any other URL."""
    parts = _split(url)
    if parts is None or parts.scheme.lower() != "file":
        return None
    return Path(url2pathname(parts.path))


def file_name(url: str) -> str:
    """The last part of a URL's path; "" where it has none."""
    parts = _split(url)
    return PurePosixPath(unquote(parts.path)).name if parts else ""


def host(url: str) -> str:
    """The host and port of a URL; "" where it has none."""
    parts = _split(url)
    return parts.netloc if parts else ""


def _split(url: str) -> SplitResult | None:
    try:
        return urlsplit(url)
    except ValueError:  # such as half an IPv6 address
        return None


def _local(url: str, scheme: str, base: Path) -> Source:
    rest = unquote(url[len(scheme) + 3 :])
    path = base / rest.removeprefix("localhost") if scheme == "symlink" else local_path(url)
    if scheme == "file" and not rest.startswith("/"):
        path = base / rest
    assert path is not None
    return Source("folder", os.path.normpath(path)) if scheme == "symlink" else at(path)


def at(path: Path) -> Source:
    """A place on this machine: an archive where a file is there, else a folder."""
    normal = Path(os.path.normpath(path))
    if normal.is_file() or _SUFFIXES.search(normal.name):
        return Source("archive", normal.absolute().as_uri())
    return Source("folder", str(normal))


def _is_repository(url: str) -> bool:
    parts = urlsplit(url)
    path = parts.path.rstrip("/")
    return path.endswith(".git") or (
        (parts.hostname or "") in _GIT_HOSTS and path.count("/") == 2 and not _SUFFIXES.search(path)
    )
