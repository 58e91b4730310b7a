"""What boards print of their ends and starts, made readable with the ELF that runs on them.

    text -> Scanner -> Notice (resets, boot loops, download mode)
                    -> Crash -> choose an ELF -> trace -> functions and lines -> Notice
                    -> CoreDump -> a file, and esp-coredump where it is installed

`Scanner` is pure and cheap: it runs beside the console. `decoder.Decoder` blocks: it runs in a
thread, and is imported, and pyelftools with it, when the first panic begins.
"""

from fbuild_watch.decode.choice import Sources
from fbuild_watch.decode.crash import CoreDump, Crash, Stack
from fbuild_watch.decode.kept import KeptElf, KeptElfs
from fbuild_watch.decode.plugins import GROUP, LineDecoder, Plugins
from fbuild_watch.decode.scanner import Board, Finding, Scanner

__all__ = [
    "GROUP",
    "Board",
    "CoreDump",
    "Crash",
    "Finding",
    "KeptElf",
    "KeptElfs",
    "LineDecoder",
    "Plugins",
    "Scanner",
    "Sources",
    "Stack",
]
