"""Files from servers: resumed, tried again, checked. The one place that knows httpx.

Rules
- A host that cannot be reached before it ever was means no network: that is said at once, within
  the time to connect. Once it has answered, a broken connection is tried again.
- Tries that brought nothing are counted; one that brought bytes starts the count anew.
- Pauses grow and are drawn by lot, so that many who fail together do not come back together.
- What is checked is the whole file on disk. A file that came in several answers and is wrong is
  fetched once more from its start before that is called an error.
- Proxies and certificates are those of whom the work is done for (network.py): httpx itself would
  look at the variables of this process.
"""

from __future__ import annotations

import hashlib
import random
import ssl
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import trio

from fbuild_watch import __version__
from fbuild_watch.errors import ChecksumMismatch, DownloadFailed
from fbuild_watch.packages import answers, network, sources
from fbuild_watch.packages.answers import Body, Passing, Refusal, Restart, Unchanged
from fbuild_watch.packages.part import Part
from fbuild_watch.packages.progress import OnProgress, Progress, Step
from fbuild_watch.packages.resource import Resource

if TYPE_CHECKING:
    import httpx

_MOST_REDIRECTS = 10
_LONGEST_PAUSE_S = 8.0
_MOST_BYTES = 16 << 30
_MOST_TRIES = 100
"""Also of a server that gives a byte each time."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait for a server, in seconds, and how often to ask it."""

    connect_s: float = 5.0
    read_s: float = 10.0
    tries: int = 3
    pause_s: float = 0.25


class _Again(Exception):
    """This try failed; another may not."""

    def __init__(self, reason: str, *, wait_s: float = 0.0) -> None:
        super().__init__(reason)
        self.wait_s = wait_s


class _Enough(Exception):
    """No further try."""


class _Sink:
    """Where the bytes of an answer go."""

    def __init__(
        self,
        resource: Resource,
        part: Part,
        step: Step,
        on_progress: OnProgress,
        response: httpx.Response,
    ) -> None:
        self._resource = resource
        self._part = part
        self._step: Step = step
        self._on_progress = on_progress
        self.done = part.size()
        length = response.headers.get("content-length", "")
        self._total = resource.size or (self.done + int(length) if length.isdigit() else None)
        self._file = part.append()

    def take(self, chunk: bytes) -> None:
        """The next bytes. Raises _Enough where there are more than were announced."""
        self.done += len(chunk)
        most = self._resource.size or _MOST_BYTES
        if self.done > most:
            self._part.drop()
            raise _Enough(f"it is larger than the {most:,} bytes that were announced")
        self._file.write(chunk)
        self._file.flush()  # what has come survives a kill
        self._on_progress(Progress(self._resource.package, self._step, self.done, self._total))

    def __enter__(self) -> _Sink:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._file.close()


class Fetcher:
    """A client for one round of installing; an async context manager."""

    def __init__(self, on_progress: OnProgress, patience: Patience = Patience()) -> None:
        self._on_progress = on_progress
        self._patience = patience
        self._client: httpx.AsyncClient | None = None
        self._reached: set[str] = set()
        """Hosts that have answered."""

    async def __aenter__(self) -> Fetcher:
        return self

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        if self._client is not None:
            with trio.CancelScope(shield=True):
                await self._client.aclose()

    async def download(self, resource: Resource, into: Path) -> Path:
        """The file, whole and checked: at `into`, or where a file:// URL says it is.

        Raises DownloadFailed, ChecksumMismatch and OSError. What came by then stays for the next
        time, unless it is wrong.
        """
        if local := sources.local_path(resource.url):
            if not local.is_file():
                raise DownloadFailed(resource.package, resource.url, "no such file", tries=1)
            await trio.to_thread.run_sync(check, resource, local)
            return local
        part = Part(into)
        await self._complete(resource, part, "downloading", {})
        try:
            await trio.to_thread.run_sync(check, resource, into)
        except ChecksumMismatch:
            resumed = part.resumed
            part.drop()
            if not resumed:
                raise
            await self._complete(resource, part, "downloading", {})
            await trio.to_thread.run_sync(check, resource, into)
        return into

    async def fetch_changed(
        self, resource: Resource, into: Path, headers: dict[str, str]
    ) -> dict[str, str] | None:
        """A small file, unless the server says (to these headers) that ours is right still: None.

        Returns the answer's headers. Raises as `download` does.
        """
        part = Part(into)
        part.drop()
        return await self._complete(resource, part, "index", headers)

    async def _complete(
        self, resource: Resource, part: Part, step: Step, headers: dict[str, str]
    ) -> dict[str, str] | None:
        """Ask until the whole file is there."""
        failures = 0
        for tries in range(1, _MOST_TRIES + 1):
            before = part.size()
            try:
                return await self._try(resource, part, step, headers)
            except _Enough as error:
                raise DownloadFailed(
                    resource.package, resource.url, str(error), tries=tries
                ) from error
            except _Again as error:
                failures = 1 if part.size() > before else failures + 1
                if failures >= self._patience.tries or tries == _MOST_TRIES:
                    raise DownloadFailed(
                        resource.package, resource.url, str(error), tries=tries
                    ) from error
                await trio.sleep(max(error.wait_s, self._pause(failures)))
        raise AssertionError("the last try returns or raises")

    def _pause(self, failures: int) -> float:
        most = min(self._patience.pause_s * 2.0**failures, _LONGEST_PAUSE_S)
        return random.uniform(most / 2, most)

    async def _try(
        self, resource: Resource, part: Part, step: Step, headers: dict[str, str]
    ) -> dict[str, str] | None:
        """One request. Raises _Again and _Enough for everything that httpx can meet."""
        import httpx

        try:
            return await self._request(resource, part, step, headers)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError) as error:
            reason = _words(error, f"no connection within {self._patience.connect_s:g} s")
            raise (_Again if sources.host(resource.url) in self._reached else _Enough)(
                reason
            ) from error
        except (
            httpx.TooManyRedirects,
            httpx.UnsupportedProtocol,
            httpx.LocalProtocolError,
        ) as error:
            raise _Enough(_words(error)) from error
        except httpx.TransportError as error:
            reason = _words(error, f"nothing came for {self._patience.read_s:g} s")
            raise _Again(reason) from error
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            raise _Enough(_words(error)) from error

    async def _request(
        self, resource: Resource, part: Part, step: Step, headers: dict[str, str]
    ) -> dict[str, str] | None:
        offset, version = part.known(resource.url, checked=resource.digest is not None)
        if offset and offset == resource.size:
            return {}
        asked = {**headers, **_range_headers(offset, version)}
        async with self._open().stream("GET", resource.url, headers=asked) as response:
            self._reached.add(sources.host(resource.url))
            answer = answers.judge(
                response.status_code, response.reason_phrase, response.headers, offset, version
            )
            match answer:
                case Unchanged():
                    return None
                case Restart(reason):
                    part.drop()
                    raise _Again(reason)
                case Passing(reason, wait_s):
                    raise _Again(reason, wait_s=wait_s)
                case Refusal(reason):
                    raise _Enough(reason)
                case Body(start):
                    if start == 0:
                        part.begin(resource.url, answers.version_of(response.headers))
                    await self._receive(response, resource, part, step)
            return dict(response.headers)

    async def _receive(
        self, response: httpx.Response, resource: Resource, part: Part, step: Step
    ) -> None:
        """The body, as it is on the wire: an archive is not to be uncompressed on its way.

        What goes wrong here ends the response by cancelling it, so that httpx closes it in order.
        """
        trouble: Exception | None = None
        sink = _Sink(resource, part, step, self._on_progress, response)
        with sink, trio.CancelScope() as scope:
            async for chunk in response.aiter_raw():
                try:
                    sink.take(chunk)
                except Exception as error:
                    trouble = error
                    scope.cancel()
        if trouble is not None:
            raise trouble
        if resource.size and sink.done < resource.size:
            raise _Again(f"it ended after {sink.done:,} of {resource.size:,} bytes")

    def _open(self) -> httpx.AsyncClient:
        if self._client is None:
            import httpx

            try:
                self._client = self._new_client()
            except (httpx.InvalidURL, ValueError) as error:
                raise _Enough(f"the variables of the network are wrong: {error}") from error
        return self._client

    def _new_client(self) -> httpx.AsyncClient:
        import httpx

        patience = self._patience
        trusted = network.certificates() or httpx.create_ssl_context(trust_env=False)

        def through(proxy: str) -> httpx.AsyncHTTPTransport:
            return httpx.AsyncHTTPTransport(verify=trusted, trust_env=False, proxy=proxy)

        return httpx.AsyncClient(
            verify=trusted,
            trust_env=False,
            mounts={to: through(url) if url else None for to, url in network.proxies().items()},
            timeout=httpx.Timeout(patience.read_s, connect=patience.connect_s),
            follow_redirects=True,
            max_redirects=_MOST_REDIRECTS,
            headers={
                "User-Agent": f"fbuild-watch/{__version__}",
                "Accept-Encoding": "identity",
            },
        )


def check(resource: Resource, path: Path) -> None:
    """Raise ChecksumMismatch unless the file has the size and the digest that were announced."""
    size = path.stat().st_size
    if resource.size is not None and size != resource.size:
        raise _mismatch(resource, f"{resource.size:,} bytes", f"{size:,} bytes")
    if resource.digest is None:
        return
    with path.open("rb") as file:
        found = hashlib.file_digest(file, resource.digest.algorithm).hexdigest()
    if found != resource.digest.hex:
        raise _mismatch(resource, str(resource.digest), f"{resource.digest.algorithm}:{found}")


def _mismatch(resource: Resource, expected: str, found: str) -> ChecksumMismatch:
    return ChecksumMismatch(resource.package, resource.url, expected=expected, found=found)


def _range_headers(offset: int, version: str) -> dict[str, str]:
    if not offset:
        return {}
    wanted = {"Range": f"bytes={offset}-"}
    return {**wanted, "If-Range": version} if version else wanted


def _words(error: Exception, otherwise: str = "") -> str:
    """httpx leaves the text of its timeouts empty; and trio's error for a TLS that failed has none,
    but what it was raised from has.
    """
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, ssl.SSLError):
        cause = cause.__cause__ or cause.__context__
    return str(error) or str(cause or "") or otherwise or type(error).__name__
