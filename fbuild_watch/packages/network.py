"""What the environment of the work at hand says of the network: its proxies, and whom to trust.

The environment may be that of a client (`system/surroundings.py`), which no HTTP library looks at: so it
is read here, and given to the library. Not here: what a request is (fetch.py).

Rules
- Proxies are written as urllib.request.getproxies_environment reads them (small letters before
  capitals, also where they are empty), and hosts of NO_PROXY as httpx takes them.
- Where neither the work nor this process has such variables, the desktop's settings count
  (Windows, macOS).
- SSL_CERT_FILE comes before SSL_CERT_DIR, as in httpx; OpenSSL's own variables they are.
"""

from __future__ import annotations

import ipaddress
import ssl
from collections.abc import Mapping
from urllib.request import getproxies, getproxies_environment

from fbuild_watch.system.surroundings import environ

_SCHEMES = ("http", "https", "all")


def proxies() -> dict[str, str | None]:
    """Whose requests go where: patterns of httpx ("Routing" in its documentation) and the proxy's URL;
    None: straight to the server.
    """
    said = _said(environ())
    if not said and not getproxies_environment():
        said = getproxies()
    straight = [host for text in said.get("no", "").split(",") if (host := text.strip())]
    if "*" in straight:
        return {}
    through = {f"{scheme}://": said[scheme] for scheme in _SCHEMES if said.get(scheme)}
    urls = {name: url if "://" in url else f"http://{url}" for name, url in through.items()}
    return {**urls, **{_pattern(host): None for host in straight}}


def certificates() -> ssl.SSLContext | None:
    """Whom to trust; None: nothing is said of it. Raises ValueError for files that hold none."""
    file, folder = (environ().get(name) for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"))
    if not file and not folder:
        return None
    try:
        return ssl.create_default_context(cafile=file or None, capath=None if file else folder)
    except OSError as error:
        why = error.strerror or str(error)
        raise ValueError(f"SSL_CERT_FILE is {file}, which has no certificates: {why}") from error


def _said(environment: Mapping[str, str]) -> dict[str, str]:
    given = {word: environment.get(f"{word}_proxy", environment.get(f"{word.upper()}_PROXY", ""))
             for word in (*_SCHEMES, "no")}  # fmt: skip
    return {word: value for word, value in given.items() if value}


def _pattern(host: str) -> str:
    """An item of NO_PROXY: a name stands for all that ends with it, too, but for a mere part of a word."""
    if "://" in host:
        return host
    try:
        address = ipaddress.ip_address(host.partition("/")[0])
    except ValueError:
        return f"all://{host}" if host.lower() == "localhost" else f"all://*{host}"
    return f"all://[{host}]" if address.version == 6 else f"all://{host}"
