"""Archives that attack, archives that are broken, and the good ones of every kind."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import io
import lzma
import os
import shutil
import stat
import struct
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fbuild_watch.errors import FbuildError, InvalidArchive, UnsafeArchive
from fbuild_watch.packages import archive as archives
from fbuild_watch.packages.members import Limits

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

FILES = {"top/a.txt": b"hello", "top/bin/run": b"#!/bin/sh\n", "top/empty": b""}


def tar(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for info, data in members:
            info.size = len(data) if info.isreg() else 0
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def member(
    name: str, *, kind: bytes = tarfile.REGTYPE, link: str = "", mode: int = 0o644
) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode = kind, link, mode
    return info


def plain() -> bytes:
    return tar(*((member(name, mode=0o755 if "bin" in name else 0o644), data)
                 for name, data in FILES.items()))  # fmt: skip


def zipped(files: dict[str, bytes], modes: dict[str, int] | None = None) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            info = zipfile.ZipInfo(name)
            info.create_system = 3
            info.external_attr = (modes or {}).get(name, stat.S_IFREG | 0o644) << 16
            archive.writestr(info, data, zipfile.ZIP_DEFLATED)
    return out.getvalue()


class Sandbox:
    """A folder to unpack into, and everything around it that must stay as it was."""

    def __init__(self, folder: Path) -> None:
        self.around = folder
        self.into = folder / "store" / "aside"
        self.into.mkdir(parents=True)
        self.outside = folder / "victim.txt"
        self.outside.write_text("untouched")

    def unpack(self, data: bytes, limits: Limits | None = None) -> dict[str, bytes]:
        """The files of the package, by path."""
        shutil.rmtree(self.into)
        self.into.mkdir()
        archive = self.around / "archive"
        archive.write_bytes(data)
        root, files = archives.unpack(archive, self.into, label="x.tar", limits=limits or Limits())
        found = {file.path: (root / file.path).read_bytes() for file in files}
        assert {path: len(data) for path, data in found.items()} == {
            file.path: file.size for file in files
        }
        return found

    def refused(self, data: bytes, limits: Limits | None = None) -> FbuildError:
        """The error; nothing outside of the folder is there that was not there before."""
        with pytest.raises((UnsafeArchive, InvalidArchive)) as caught:
            self.unpack(data, limits)
        self.check_outside()
        return caught.value

    def check_outside(self) -> None:
        """Everything around is as it was."""
        assert self.outside.read_text() == "untouched"
        assert sorted(path.name for path in self.around.iterdir()) == [
            "archive", "store", "victim.txt"]  # fmt: skip
        assert [path.name for path in self.into.parent.iterdir()] == ["aside"]


@pytest.fixture
def sandbox(tmp_path: Path) -> Sandbox:
    folder = tmp_path / "sandbox"
    folder.mkdir()
    return Sandbox(folder)


COMPRESSIONS: dict[str, Callable[[bytes], bytes]] = {
    "tar": bytes, "gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress,
    "zst": zstd.compress,
}  # fmt: skip


@pytest.mark.parametrize("kind", COMPRESSIONS)
def test_every_kind_of_tar(sandbox: Sandbox, kind: str) -> None:
    assert sandbox.unpack(COMPRESSIONS[kind](plain())) == {
        "a.txt": b"hello", "bin/run": b"#!/bin/sh\n", "empty": b""}  # fmt: skip
    assert os.access(sandbox.into / "top/bin/run", os.X_OK)
    assert not os.access(sandbox.into / "top/a.txt", os.X_OK)


def test_zip(sandbox: Sandbox) -> None:
    modes = {"top/bin/run": stat.S_IFREG | 0o755}
    assert sandbox.unpack(zipped(FILES, modes))["bin/run"] == b"#!/bin/sh\n"
    assert os.access(sandbox.into / "top/bin/run", os.X_OK)


def test_no_single_top_folder_nothing_is_stripped(sandbox: Sandbox) -> None:
    assert set(sandbox.unpack(zipped({"a/x": b"", "b": b""}))) == {"a/x", "b"}


def test_a_single_file_is_no_top_folder(sandbox: Sandbox) -> None:
    assert set(sandbox.unpack(zipped({"boards.txt": b""}))) == {"boards.txt"}


@pytest.mark.parametrize("kind", COMPRESSIONS)
@pytest.mark.parametrize("share", [0.2, 0.5, 0.8])
def test_half_an_archive_is_refused(sandbox: Sandbox, kind: str, share: float) -> None:
    big = tar(*((member(f"top/{n}"), os.urandom(2000)) for n in range(20)))
    whole = COMPRESSIONS[kind](big)
    assert isinstance(sandbox.refused(whole[: int(len(whole) * share)]), InvalidArchive)


def test_half_a_zip_is_refused(sandbox: Sandbox) -> None:
    whole = zipped({f"top/{n}": os.urandom(2000) for n in range(20)})
    assert isinstance(sandbox.refused(whole[: len(whole) // 2]), InvalidArchive)


@pytest.mark.parametrize("kind", COMPRESSIONS)
def test_a_damaged_archive_is_refused_or_right(sandbox: Sandbox, kind: str) -> None:
    """A header in the middle that is wrong must not end the archive in silence."""
    big = tar(*((member(f"top/{n}"), b"x" * 700) for n in range(20)))
    big = big[:15360] + b"\xff" * 512 + big[15872:]  # the header of the eleventh member
    assert isinstance(sandbox.refused(COMPRESSIONS[kind](big)), InvalidArchive)


@pytest.mark.parametrize("data", [b"", b"hello", b"PK\x03\x04", b"\x1f\x8b", b"7z\xbc\xaf\x27\x1c"])
def test_what_is_no_archive(sandbox: Sandbox, data: bytes) -> None:
    assert isinstance(sandbox.refused(data), InvalidArchive)


def test_a_member_of_a_zip_whose_bytes_are_wrong(sandbox: Sandbox) -> None:
    data = bytearray(zipped({"top/x": b"hello world" * 100}))
    data[40] ^= 0xFF
    assert isinstance(sandbox.refused(bytes(data)), InvalidArchive)


def test_an_encrypted_zip(sandbox: Sandbox) -> None:
    data = bytearray(zipped({"top/x": b"hello"}))
    for magic, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = data.index(magic) + offset
        data[at] |= 1
    assert "encrypted" in str(sandbox.refused(bytes(data)))


# --- attacks -------------------------------------------------------------------------------

ESCAPES = ["../victim.txt", "/etc/x", "a/../../victim.txt", "..\\victim.txt", "C:\\x", "c:x",
           "\\\\server\\x", "top/../../../x", "a\\..\\..\\x", "..", "./.."]  # fmt: skip


@pytest.mark.parametrize("name", ESCAPES)
def test_names_that_lead_out(sandbox: Sandbox, name: str) -> None:
    error = sandbox.refused(tar((member("top/fine"), b"x"), (member(name), b"evil")))
    assert error.fields()["member"] == name
    assert not (sandbox.into / "victim.txt").exists()


@pytest.mark.parametrize("name", ESCAPES)
def test_names_in_zips_that_lead_out(sandbox: Sandbox, name: str) -> None:
    assert isinstance(sandbox.refused(zipped({"top/fine": b"x", name: b"evil"})), UnsafeArchive)


LINKS = ["/etc/passwd", "../../victim.txt", "../../../victim.txt", "sub/../../..", "..\\..\\x",
         "C:/x", ""]  # fmt: skip


@pytest.mark.parametrize("target", LINKS)
def test_links_out(sandbox: Sandbox, target: str) -> None:
    link = member("top/link", kind=tarfile.SYMTYPE, link=target)
    assert isinstance(sandbox.refused(tar((member("top/x"), b""), (link, b""))), UnsafeArchive)
    mode = {"top/link": stat.S_IFLNK | 0o777}
    files = {"top/x": b"", "top/link": target.encode()}
    assert isinstance(sandbox.refused(zipped(files, mode)), UnsafeArchive)


@pytest.mark.parametrize("target", [b"\0", b"a\nb", b"x" * 300])
def test_links_to_what_no_file_is_called(sandbox: Sandbox, target: bytes) -> None:
    data = zipped({"top/x": b"", "top/link": target}, {"top/link": stat.S_IFLNK | 0o777})
    assert isinstance(sandbox.refused(data), UnsafeArchive)


def test_a_link_through_a_link(sandbox: Sandbox) -> None:
    """Each is harmless by its text; together they lead out."""
    data = tar(
        (member("top/deep/x"), b""),
        (member("top/here", kind=tarfile.SYMTYPE, link="."), b""),
        (member("top/up", kind=tarfile.SYMTYPE, link="here/.."), b""),
        (member("top/out", kind=tarfile.SYMTYPE, link="up/../victim.txt"), b""),
    )
    assert isinstance(sandbox.refused(data), UnsafeArchive)


def test_a_link_to_a_program_of_the_system_becomes_a_script(sandbox: Sandbox) -> None:
    link = member("t/python3", kind=tarfile.SYMTYPE, link="/usr/bin/python3")
    script = b'#!/bin/sh\nexec python3 "$@"\n'
    assert sandbox.unpack(tar((link, b""))) == {"python3": script}
    zipped_link = zipped({"t/sh": b"/usr/local/bin/g++-12"}, {"t/sh": stat.S_IFLNK | 0o777})
    assert sandbox.unpack(zipped_link) == {"sh": b'#!/bin/sh\nexec g++-12 "$@"\n'}
    assert (sandbox.into / "t" / "sh").stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize(
    "target", ["/usr/bin/../../etc/passwd", "/usr/bin/a b", "/usr/bin/$(id)", "/usr/bin/-c", "/bin/sh\n"]
)  # fmt: skip
def test_no_other_link_out_becomes_one(sandbox: Sandbox, target: str) -> None:
    sandbox.refused(tar((member("t/x", kind=tarfile.SYMTYPE, link=target), b"")))
    sandbox.refused(zipped({"t/x": target.encode()}, {"t/x": stat.S_IFLNK | 0o777}))


def test_nothing_is_written_through_a_link(sandbox: Sandbox) -> None:
    data = tar(
        (member("top/dir", kind=tarfile.SYMTYPE, link="../.."), b""),
        (member("top/dir/victim.txt"), b"evil"),
    )
    assert isinstance(sandbox.refused(data), UnsafeArchive)


@pytest.mark.parametrize("target", ["/etc/passwd", "../victim.txt", "top/none", "top", "top/link"])
def test_hard_links_to_what_is_no_file_of_the_package(sandbox: Sandbox, target: str) -> None:
    link = member("top/hard", kind=tarfile.LNKTYPE, link=target)
    symbolic = member("top/link", kind=tarfile.SYMTYPE, link="x")
    data = tar((member("top/x"), b""), (symbolic, b""), (link, b""))
    assert isinstance(sandbox.refused(data), UnsafeArchive)


@pytest.mark.parametrize("kind", [tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE, b"9"])
def test_devices_and_pipes(sandbox: Sandbox, kind: bytes) -> None:
    data = tar((member("top/x"), b""), (member("top/dev", kind=kind), b""))
    assert isinstance(sandbox.refused(data), UnsafeArchive)


@pytest.mark.parametrize("kind", [stat.S_IFIFO, stat.S_IFCHR, stat.S_IFSOCK])
def test_devices_in_zips(sandbox: Sandbox, kind: int) -> None:
    data = zipped({"top/x": b"", "top/dev": b""}, {"top/dev": kind | 0o644})
    assert isinstance(sandbox.refused(data), UnsafeArchive)


@pytest.mark.parametrize("pair", [("top/x", "top/x"), ("top/x", "top/x/y"), ("top/x/y", "top/x")])
def test_two_members_for_one_place(sandbox: Sandbox, pair: tuple[str, str]) -> None:
    assert isinstance(sandbox.refused(tar(*((member(name), b"x") for name in pair))), UnsafeArchive)


CASES = [("top/File", "top/file"), ("Top/a", "top/b"), ("top/\u00e9", "top/e\u0301"),
         ("top/ss", "top/\u00df")]  # fmt: skip


@pytest.mark.parametrize("pair", CASES)
def test_one_place_where_capitals_do_not_count(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, pair: tuple[str, str]
) -> None:
    monkeypatch.setattr(archives, "folds_case", lambda _folder: True)
    data = tar(*((member(name), b"x") for name in pair))
    assert "capital" in str(sandbox.refused(data))


@pytest.mark.parametrize("pair", CASES)
def test_two_places_where_they_do(sandbox: Sandbox, pair: tuple[str, str]) -> None:
    """As Linux' own headers have them, which toolchains bring."""
    sandbox.into.mkdir(exist_ok=True)
    if archives.folds_case(sandbox.into):
        pytest.skip("this file system does not know capital letters")
    assert len(sandbox.unpack(tar(*((member(name), b"x") for name in pair)))) == 2


def test_setuid_and_foreign_owners_are_dropped(sandbox: Sandbox) -> None:
    info = member("top/su", mode=0o6755)
    info.uid = info.gid = 12345
    sandbox.unpack(tar((info, b"x"), (member("top/y"), b"")))
    found = (sandbox.into / "top/su").stat()
    assert stat.S_IMODE(found.st_mode) & 0o7022 == 0
    assert found.st_uid == os.geteuid()


def test_a_bomb_is_refused_by_what_comes_out(sandbox: Sandbox) -> None:
    limits = Limits(ratio_from=100_000)
    bomb = gzip.compress(tar((member("top/zeros"), bytes(5_000_000))))
    assert "bomb" in str(sandbox.refused(bomb, limits))
    assert "bomb" in str(sandbox.refused(zipped({"z/zeros": bytes(5_000_000)}), limits))
    assert "bomb" in str(sandbox.refused(zipped({"z/x": bytes(5000)}), Limits(size=1000)))


def test_a_zip_that_lies_about_sizes(sandbox: Sandbox) -> None:
    data = bytearray(zipped({"z/zeros": bytes(3_000_000)}))
    at = data.index(b"PK\x01\x02") + 24
    data[at : at + 4] = struct.pack("<I", 10)
    sandbox.refused(bytes(data), Limits(ratio_from=100_000))


def test_too_many_members(sandbox: Sandbox) -> None:
    data = tar(*((member(f"top/{n}"), b"") for n in range(30)))
    assert "members" in str(sandbox.refused(data, Limits(members=20)))


def test_a_header_that_eats_memory(sandbox: Sandbox) -> None:
    """A pax header is read into memory whole: its size is bounded before tarfile trusts it."""
    info = member("top/x")
    info.pax_headers = {"comment": "A" * 20_000_000}
    data = gzip.compress(tar((info, b"x")))
    assert "header" in str(sandbox.refused(data))


@pytest.mark.parametrize("name", ["top/\x01", "top/a\nb", "top/" + "x" * 300, "a/" * 600 + "x"])
def test_names_that_no_file_system_should_see(sandbox: Sandbox, name: str) -> None:
    assert isinstance(sandbox.refused(tar((member(name), b"x"))), UnsafeArchive)


def test_a_zip_name_with_a_nul(sandbox: Sandbox) -> None:
    data = zipped({"top/fineX/x": b"", "top/y": b""}).replace(b"top/fineX/x", b"top/fine\0/x")
    sandbox.refused(data)


PIECES = st.sampled_from(
    ["..", ".", "a", "b", "A", "/", "\\", "C:", "", " ", "\u00e9", "top", "x:y"]
)
NAMES = st.lists(PIECES, min_size=1, max_size=6).map("/".join) | st.text(max_size=20)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(
    names=st.lists(NAMES, min_size=1, max_size=5),
    targets=st.lists(NAMES, max_size=3),
    zips=st.booleans(),
)
def test_whatever_the_names_nothing_lands_outside(
    tmp_path_factory: pytest.TempPathFactory, names: list[str], targets: list[str], zips: bool
) -> None:
    sandbox = Sandbox(tmp_path_factory.mktemp("names"))
    try:
        if zips:
            files = dict.fromkeys(names, b"x")
            links = {
                f"link{n}": target.encode("utf-8", "replace") for n, target in enumerate(targets)
            }
            data = zipped({**files, **links}, dict.fromkeys(links, stat.S_IFLNK | 0o777))
        else:
            data = tar(
                *((member(name), b"x") for name in names),
                *((member(f"link{n}", kind=tarfile.SYMTYPE, link=target), b"")
                  for n, target in enumerate(targets)),
            )  # fmt: skip
    except (UnicodeError, ValueError, struct.error):
        return  # the library cannot even write it
    with contextlib.suppress(UnsafeArchive, InvalidArchive):
        sandbox.unpack(data)
    sandbox.check_outside()
    real = os.path.realpath(sandbox.into)
    for folder, folders, found in os.walk(sandbox.into):
        for name in (*folders, *found):
            led = os.path.realpath(Path(folder, name))
            assert led == real or led.startswith(real + os.sep)
