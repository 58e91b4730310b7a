"""Python runs this first in an `fbuild` that a test starts: what blocks is written to a file."""

import os

if "FBUILD_TEST_BLOCKING" in os.environ:
    from blocking_calls import Guard
    from named_places import NAMED

    def report(words: str, path: str = os.environ["FBUILD_TEST_BLOCKING"]) -> None:
        """One write, so that several processes can share the file."""
        fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.write(fd, words.encode(errors="replace") + b"\n")
        os.close(fd)

    Guard(report, NAMED).install()
