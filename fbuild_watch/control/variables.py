"""Which variables of a client's environment travel with its request. Pure.

A build for a terminal finds the tools that are on this terminal's PATH, and looks as it would there.
So do the variables that a project names itself. Everything else stays behind: an environment holds
secrets, and a change in it rebuilds nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

_NAMES = frozenset(
    [
        "PATH",
        "PATHEXT",
        "TERM",
        "COLORTERM",
        "NO_COLOR",
        "FORCE_COLOR",
        "CLICOLOR",
        "CLICOLOR_FORCE",
        "LANG",
        "LANGUAGE",
        "CC",
        "CXX",
        "AR",
        "LD",
        "CFLAGS",
        "CXXFLAGS",
        "CPPFLAGS",
        "LDFLAGS",
        "CPATH",
        "LIBRARY_PATH",
        "COMPILER_PATH",
        "GCC_EXEC_PREFIX",
        "SOURCE_DATE_EPOCH",
        "TMPDIR",
        "TEMP",
        "TMP",
        "FBUILD_OFFLINE",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "NO_PROXY",
        "ALL_PROXY",
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
    ]
)
_PREFIXES = (
    "LC_", "IDF_", "ESP_", "PLATFORMIO_", "ARDUINO_", "PICO_", "ZIG_", "CCACHE_", "SCCACHE_",
    "DISTCC_", "ICECC",
)  # fmt: skip


def merged(own: Mapping[str, str], theirs: Mapping[str, str]) -> dict[str, str]:
    """`own`, with all that is relevant as the client has it."""
    rest = {name: value for name, value in own.items() if name not in relevant(own)}
    return {**rest, **theirs}


def relevant(environment: Mapping[str, str], named: Iterable[str] = ()) -> dict[str, str]:
    """The part of `environment` that a build depends on, or that decides how it looks.

    `named` are variables that a project refers to: one that is not set travels empty, for it is not to
    be that of another environment.
    """
    found = {name: value for name, value in environment.items() if _counts(name)}
    return found | {name: environment.get(name, "") for name in named if not _counts(name)}


def _counts(name: str) -> bool:
    upper = name.upper()
    return upper in _NAMES or upper.startswith(_PREFIXES)
