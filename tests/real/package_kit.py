"""Packages for tests: archives made on the spot, indexes of them, and a server that can fail."""

from __future__ import annotations

import hashlib
import io
import json
import ssl
import tarfile
import threading
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from fbuild_watch.packages import StorePlaces
from fbuild_watch.packages.fetch import Patience

IMPATIENT = Patience(connect_s=5.0, read_s=1.5, tries=3, pause_s=0.01)
"""For servers that are meant to fail."""


def places(tmp_path: Path) -> StorePlaces:
    """A store of the test's own."""
    return StorePlaces(tmp_path / "store", tmp_path / "store" / ".store" / "cache")


# --- archives ------------------------------------------------------------------------------


def tar(files: Mapping[str, bytes], *, compression: str = "gz", mode: int = 0o644) -> bytes:
    """A tar of these files."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=f"w:{compression}") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(data), mode
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def zipped(files: Mapping[str, bytes]) -> bytes:
    """A zip of these files."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out.getvalue()


def core(name: str = "Test Board") -> bytes:
    """A platform with one board, in a folder of its own."""
    return tar({
        "core-1/boards.txt": f"testboard.name={name}\ntestboard.build.core=arduino\n".encode(),
        "core-1/platform.txt": b"name=Test\nversion=1.0.0\n",
        "core-1/cores/arduino/main.cpp": b"int main() { return 0; }\n",
    })  # fmt: skip


def tool(text: str = "gcc") -> bytes:
    """A tool with one program."""
    return tar({"tool/bin/gcc": f"#!/bin/sh\necho {text}\n".encode()}, mode=0o755)


def library(name: str, *, depends: str = "") -> bytes:
    """A library as its makers zip it."""
    properties = f"name={name}\nversion=1.0.0\ndepends={depends}\n"
    return zipped({f"{name}-1.0.0/library.properties": properties.encode(),
                   f"{name}-1.0.0/src/{name}.h": b"#pragma once\n"})  # fmt: skip


# --- indexes -------------------------------------------------------------------------------


def entry(url: str, data: bytes) -> dict[str, str]:
    """What an index says of a file."""
    return {"url": url, "archiveFileName": url.rpartition("/")[2], "size": str(len(data)),
            "checksum": f"SHA-256:{hashlib.sha256(data).hexdigest()}"}  # fmt: skip


# --- a server that can fail ----------------------------------------------------------------


@dataclass
class Reply:
    """How a path is answered; the faults are used up one for each request, then it goes well."""

    data: bytes
    faults: list[str] = field(default_factory=list)
    etag: str = ""
    chunked: bool = False
    ranges: bool = True
    then: bytes | None = None
    """What it has become after the first request."""


@dataclass
class Request:
    """One request as it came."""

    path: str
    headers: dict[str, str]


class Server:
    """An HTTP server on loopback; with `tls` one of HTTPS."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.replies: dict[str, Reply] = {}
        self.requests: list[Request] = []
        self.gate = threading.Event()
        """Opens for replies with the fault `gate`; set it to let them go on."""
        self.stop_stalling = threading.Event()
        kit = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                try:
                    _answer(kit, self)
                except OSError:
                    self.close_connection = True

            def log_message(self, *_args: object) -> None:
                """Not on the test's output."""

        class Quiet(ThreadingHTTPServer):
            def handle_error(self, *_args: object) -> None:
                """A client that goes away is no news here."""

        self._http = Quiet(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        if tls is not None:
            self._http.socket = tls.wrap_socket(self._http.socket, server_side=True)
        self.port = int(self._http.server_address[1])
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,))
        self._thread.start()

    def put(self, path: str, data: bytes, **how: object) -> str:
        """Serve bytes at a path; returns the URL."""
        self.replies[path] = Reply(data, **how)  # type: ignore[arg-type]
        return self.url + path

    def count(self, path: str) -> int:
        """How often a path was asked for."""
        return sum(request.path == path for request in self.requests)

    def platform(self, version: str = "1.0.0", *, data: bytes | None = None) -> str:
        """Serve vendor `acme`, arch `chip` with one tool; returns the index' URL."""
        archive, gcc = data or core(), tool()
        self.put(f"/core-{version}.tar.gz", archive)
        self.put("/gcc.tar.gz", gcc)
        index = {"packages": [{
            "name": "acme", "maintainer": "nobody", "help": {"online": "http://example.org"},
            "platforms": [{
                "name": "Acme", "architecture": "chip", "version": version,
                "boards": [{"name": "Test Board"}], "help": {},
                **entry(f"{self.url}/core-{version}.tar.gz", archive),
                "toolsDependencies": [{"packager": "acme", "name": "gcc", "version": "12-r1"}],
            }],
            "tools": [{"name": "gcc", "version": "12-r1", "systems": [
                {"host": "all", **entry(f"{self.url}/gcc.tar.gz", gcc)}]}],
        }]}  # fmt: skip
        return self.put("/package_acme_index.json", json.dumps(index).encode(), etag=f'"{version}"')

    def libraries(self, archives: Mapping[str, bytes]) -> str:
        """Serve a library index of NAME@VERSION -> zip; returns its URL."""
        entries = []
        for full, data in archives.items():
            name, _, version = full.partition("@")
            url = self.put(f"/{name}-{version}.zip", data)
            entries.append({"name": name, "version": version, **entry(url, data)})
        return self.put("/library_index.json", json.dumps({"libraries": entries}).encode())

    def close(self) -> None:
        """End it."""
        self.gate.set()
        self.stop_stalling.set()
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()


@contextmanager
def serving(tls: ssl.SSLContext | None = None) -> Iterator[Server]:
    """A server for the length of a test."""
    server = Server(tls)
    try:
        yield server
    finally:
        server.close()


def _answer(kit: Server, http: BaseHTTPRequestHandler) -> None:
    kit.requests.append(
        Request(http.path, {key.lower(): value for key, value in http.headers.items()})
    )
    reply = kit.replies.get(http.path)
    if reply is None:
        http.send_error(404)
        return
    fault = reply.faults.pop(0) if reply.faults else ""
    if fault.isdigit():
        http.send_response(int(fault))
        http.send_header("Content-Length", "0")
        http.end_headers()
        return
    if fault.startswith("to "):
        http.send_response(302)
        http.send_header("Location", fault.removeprefix("to "))
        http.send_header("Content-Length", "0")
        http.end_headers()
        reply.faults.insert(0, fault)
        return
    _send(kit, http, reply, fault)
    if reply.then is not None:
        reply.data, reply.then = reply.then, None
        reply.etag = reply.etag and '"changed"'


def _send(kit: Server, http: BaseHTTPRequestHandler, reply: Reply, fault: str) -> None:
    if reply.etag and http.headers.get("If-None-Match") == reply.etag:
        http.send_response(304)
        http.end_headers()
        return
    start = _start(http, reply)
    body = reply.data[start:]
    http.send_response(206 if start else 200)
    if start:
        told = start + 1 if fault == "wrong range" else start
        http.send_header("Content-Range", f"bytes {told}-{len(reply.data) - 1}/{len(reply.data)}")
    if reply.etag:
        http.send_header("ETag", reply.etag)
    if reply.chunked:
        http.send_header("Transfer-Encoding", "chunked")
        http.end_headers()
        for at in range(0, len(body), 1000):
            piece = body[at : at + 1000]
            http.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        http.wfile.write(b"0\r\n\r\n")
        return
    http.send_header("Content-Length", str(len(body)))
    http.end_headers()
    if not fault or fault == "wrong range":
        http.wfile.write(body)
        return
    http.wfile.write(body[: len(body) // 2])
    http.wfile.flush()
    if fault == "stall":
        kit.stop_stalling.wait(30)
    if fault == "gate":
        kit.gate.wait(30)
        http.wfile.write(body[len(body) // 2 :])
        return
    http.close_connection = True


def _start(http: BaseHTTPRequestHandler, reply: Reply) -> int:
    wanted = http.headers.get("Range", "")
    condition = http.headers.get("If-Range")
    if not reply.ranges or not wanted or (condition and condition != reply.etag):
        return 0
    return int(wanted.removeprefix("bytes=").removesuffix("-"))
