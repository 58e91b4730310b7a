"""The user's one process: every project and port of its user, and the requests of its clients."""

from fbuild_watch.daemon.process import Options, run

__all__ = ["Options", "run"]
