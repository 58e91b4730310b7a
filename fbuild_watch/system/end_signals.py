"""The signals that end a process in good order. Imports nothing slow."""

from __future__ import annotations

import signal

END_SIGNALS = tuple(
    getattr(signal, name)
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
    if hasattr(signal, name)
)
"""SIGHUP: a terminal that is closed, or an ssh that breaks, must not end a write half-way."""
