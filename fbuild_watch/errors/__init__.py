"""Every error that a user or a caller of fbuild can meet, and nothing else.

    FbuildError
     +- InternalError          a defect of ours; the details are in a file
     +- ProjectError           InvalidProject, UnknownEnvironment, UnknownBoard
     +- BuildError             CompilerMissing, ProgramMissing, CompileFailed, LinkFailed, StepFailed
     +- ImageError             InvalidImage, InvalidPartitions, ImageTooBig
     +- PortError              PortNotFound, PortAmbiguous, PortBusy, PortDenied,
     |                         PortLost (it broke), PortUnusable (no such feature)
     +- FlashError             (also called DeployError)
     |                         NoAnswer, WrongChip, VerifyFailed, ConnectionLost,
     |                         SecureDownloadMode, FlashCancelled, FlashDiffers,
     |                         UnknownRegion, BeyondFlash, NotConfirmed, FlashEncrypted,
     |                         SecureBoot, WrongBoard, InvalidReset, UploadFailed, ToolMissing,
     |                         UploadStalled, NoDigests
     +- LockHeld               another `fbuild watch` runs
     +- RuntimeFolderUnsafe    others could have made or changed the folder of the lock
     +- LockUnsupported        the kernel cannot lock there
     +- LogUnreadable          the log of the background cannot be read
     +- FileUnwritable         a file that the user has named
     +- ControlError           NotRunning, NotAnswering, NotWatched, ControlLost,
     |                         ControlRefused, InvalidRequest, VersionSkew, WriterBusy,
     |                         EndpointInUse
     +- TimedOut               the caller's own limit passed
     +- CommandNotStarted      the system did not start a program
     +- ConsoleError           ExpectTimeout, FailMatched, InvalidPattern, PatternTooSlow,
     |                         InvalidCommand, InvalidScript, ExtraMissing, TransferFailed
     +- BoardUnusable          the virtual board cannot be set up
     +- PackageError           PackageNotFound, UnsupportedPackage, InvalidIndex, DownloadFailed,
                               Offline, ChecksumMismatch, UnsafeArchive, InvalidArchive,
                               PackageInUse, StoreUnusable

Rules
- `str(error)` says what happened, with the values. `hint` says what to do next. `code` is
  stable and for programs; `exit_code` is what a command ends with. `fields()` are the typed values.
- Callers branch on the type or the code, never on the text.
- Foreign exceptions are translated where the foreign library is called, in one place for each.
"""

from __future__ import annotations

from fbuild_watch.errors.base import (
    FbuildError,
    InternalError,
)
from fbuild_watch.errors.board import BoardUnusable
from fbuild_watch.errors.build import (
    BuildError,
    CompileFailed,
    CompilerMissing,
    LinkFailed,
    ProgramMissing,
    StepFailed,
)
from fbuild_watch.errors.console import (
    ConsoleError,
    ExpectTimeout,
    ExtraMissing,
    FailMatched,
    InvalidCommand,
    InvalidPattern,
    InvalidScript,
    PatternTooSlow,
    TransferFailed,
)
from fbuild_watch.errors.flash import (
    BeyondFlash,
    ConnectionLost,
    FlashCancelled,
    FlashDiffers,
    FlashEncrypted,
    FlashError,
    InvalidReset,
    NoAnswer,
    NoDigests,
    NotConfirmed,
    SecureBoot,
    SecureDownloadMode,
    ToolMissing,
    UnknownRegion,
    UploadFailed,
    UploadStalled,
    VerifyFailed,
    WrongBoard,
    WrongChip,
)
from fbuild_watch.errors.image import (
    ImageError,
    ImageTooBig,
    InvalidImage,
    InvalidPartitions,
)
from fbuild_watch.errors.packages import (
    ChecksumMismatch,
    DownloadFailed,
    InvalidArchive,
    InvalidIndex,
    Offline,
    PackageError,
    PackageInUse,
    PackageNotFound,
    StoreUnusable,
    UnsafeArchive,
    UnsupportedPackage,
)
from fbuild_watch.errors.port import (
    PortAmbiguous,
    PortBusy,
    PortDenied,
    PortError,
    PortLost,
    PortNotFound,
    PortUnusable,
)
from fbuild_watch.errors.process import (
    CommandNotStarted,
    ControlError,
    ControlLost,
    ControlRefused,
    EndpointInUse,
    FileUnwritable,
    InvalidRequest,
    LockHeld,
    LockUnsupported,
    LogUnreadable,
    NotAnswering,
    NotRunning,
    NotWatched,
    RuntimeFolderUnsafe,
    TimedOut,
    VersionSkew,
    WriterBusy,
)
from fbuild_watch.errors.project import (
    InvalidProject,
    ProjectError,
    UnknownBoard,
    UnknownEnvironment,
)

DeployError = FlashError
"""What `Client.deploy` raises beside the errors of a build: under the name that other tools have for it."""

__all__ = [
    "BeyondFlash",
    "BoardUnusable",
    "BuildError",
    "ChecksumMismatch",
    "CommandNotStarted",
    "CompileFailed",
    "CompilerMissing",
    "ConnectionLost",
    "ConsoleError",
    "ControlError",
    "ControlLost",
    "ControlRefused",
    "DeployError",
    "DownloadFailed",
    "EndpointInUse",
    "ExpectTimeout",
    "ExtraMissing",
    "FailMatched",
    "FbuildError",
    "FileUnwritable",
    "FlashCancelled",
    "FlashDiffers",
    "FlashEncrypted",
    "FlashError",
    "ImageError",
    "ImageTooBig",
    "InternalError",
    "InvalidArchive",
    "InvalidCommand",
    "InvalidImage",
    "InvalidIndex",
    "InvalidPartitions",
    "InvalidPattern",
    "InvalidProject",
    "InvalidRequest",
    "InvalidReset",
    "InvalidScript",
    "LinkFailed",
    "LockHeld",
    "LockUnsupported",
    "LogUnreadable",
    "NoAnswer",
    "NoDigests",
    "NotConfirmed",
    "NotAnswering",
    "NotRunning",
    "NotWatched",
    "Offline",
    "PackageError",
    "PackageInUse",
    "PackageNotFound",
    "PatternTooSlow",
    "PortAmbiguous",
    "PortBusy",
    "PortDenied",
    "PortError",
    "PortLost",
    "PortNotFound",
    "PortUnusable",
    "ProgramMissing",
    "ProjectError",
    "RuntimeFolderUnsafe",
    "SecureBoot",
    "SecureDownloadMode",
    "StepFailed",
    "StoreUnusable",
    "TimedOut",
    "ToolMissing",
    "TransferFailed",
    "UnknownBoard",
    "UnknownEnvironment",
    "UnknownRegion",
    "UnsafeArchive",
    "UnsupportedPackage",
    "UploadFailed",
    "UploadStalled",
    "VerifyFailed",
    "VersionSkew",
    "WriterBusy",
    "WrongBoard",
    "WrongChip",
]
