"""A proxy on loopback that forwards and tunnels as RFC 9110 and RFC 9112 have it, and a certificate."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import trio
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass
class Proxy:
    """Takes every host for one server of the test's, as only a proxy can: such names resolve nowhere."""

    server_port: int
    url: str = ""
    asked: list[str] = field(default_factory=list)
    """The request lines that came through it."""

    async def handle(self, client: trio.SocketStream) -> None:
        """One connection."""
        head = b""
        while b"\r\n\r\n" not in head:
            if not (more := await client.receive_some(4096)):
                return
            head += more
        line, rest = head.split(b"\r\n", 1)
        self.asked.append(line.decode())
        method, target, version = line.split(b" ")
        async with await trio.open_tcp_stream("127.0.0.1", self.server_port) as server:
            if method == b"CONNECT":
                await client.send_all(b"HTTP/1.1 200 Connection established\r\n\r\n")
            else:
                path = b"/" + target.split(b"/", 3)[3]
                first = b" ".join((method, path, version))
                await server.send_all(first + b"\r\nConnection: close\r\n" + rest)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_pump, client, server, nursery.cancel_scope)
                nursery.start_soon(_pump, server, client, nursery.cancel_scope)


async def _pump(one: trio.SocketStream, other: trio.SocketStream, end: trio.CancelScope) -> None:
    try:
        async for data in one:
            await other.send_all(data)
    except trio.BrokenResourceError:
        pass
    end.cancel()


@asynccontextmanager
async def proxy_to(server_port: int) -> AsyncIterator[Proxy]:
    """A proxy for the length of the block."""
    proxy = Proxy(server_port)

    async def take(stream: trio.SocketStream) -> None:
        async with stream:
            await proxy.handle(stream)

    async with trio.open_nursery() as nursery:
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        nursery.start_soon(trio.serve_listeners, take, listeners)
        proxy.url = f"http://127.0.0.1:{listeners[0].socket.getsockname()[1]}"
        yield proxy
        nursery.cancel_scope.cancel()


def certificate(folder: Path, *names: str) -> tuple[Path, ssl.SSLContext]:
    """A certificate's file, which nobody trusts unasked, and what a server needs to show it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a test of fbuild")])
    now = datetime.datetime.now(datetime.UTC)
    hosts = [x509.IPAddress(ipaddress.ip_address("127.0.0.1")), *map(x509.DNSName, names)]
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName(hosts), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    shown, secret = folder / "certificate.pem", folder / "key.pem"
    shown.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(shown, secret)
    return shown, context
