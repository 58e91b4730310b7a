"""Who is at the other end of a Unix socket, by the kernel's word."""

from __future__ import annotations

import struct
import sys
from typing import Any


def peer_uid(sock: Any) -> int | None:
    """The uid of the process that connected; None: the system does not tell.

    Linux: SO_PEERCRED, `struct ucred` (unix(7)). macOS and the BSDs: LOCAL_PEERCRED, `struct
    xucred` (unix(4)), which is what getpeereid(3) asks there.
    """
    if sys.platform == "linux":
        import socket

        data = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
        _pid, uid, _gid = struct.unpack("3i", data)
        return int(uid)
    if sys.platform == "darwin" or "bsd" in sys.platform:
        _version, uid = struct.unpack_from("=II", sock.getsockopt(0, 1, 76))
        return int(uid)
    return None
