"""Where fbuild may make a call that can block in its event loop, each with its reason.

A local file takes some microseconds to look at; a thread takes 50 to be asked and to answer.
"""

_START = "the process begins or ends: nobody is served that could wait"
_ONCE = "the first use of a module reads its file: once in a process's life, some milliseconds"
_PACKAGES = "a few looks at one file of the user's store, between two pieces from the network"
_FOLDER = "its folder's real name: a look at each folder above it, which the kernel has in memory"
_CLIENT = (
    "the API's own loop, where issue 5 rules out a thread for each call: twenty looks, two reads"
)

NAMED: dict[str, str] = {
    # the process
    "fbuild_watch.control.listen:listening": _START,
    "fbuild_watch.control.listen:_bind_path": _START,
    "fbuild_watch.control.endpoint:make_token": _START,
    "fbuild_watch.control.info:write": (
        "500 bytes, when a project comes or goes; what is said stays in the order it was done in"
    ),
    "fbuild_watch.daemon.work:_real": _FOLDER,
    "fbuild_watch.daemon.boards:Boards.room": _FOLDER,
    "fbuild_watch.daemon.boards:_device": _FOLDER,
    "fbuild_watch.daemon.process:Process._room": _FOLDER,
    "fbuild_watch.cli.crash:as_internal_error": "a defect of ours: what is known of it is kept first",
    # clients
    "fbuild_watch.api.aio.link:connect": _CLIENT,
    "fbuild_watch.api.asks:variables": _CLIENT,
    "fbuild_watch.api.aio.daemon:AsyncDaemon.stop": _CLIENT,
    "fbuild_watch.control.guests:Guest": (
        "a command that works alone: it has nobody to serve before it has its port"
    ),
    # a console
    "fbuild_watch.console.log:LogFile.__init__": _START,
    "fbuild_watch.cli.faces:_history": _START,
    "fbuild_watch.console.plugins:Plugins.__init__": _START,
    "fbuild_watch.cli.console:_lend": _ONCE,
    "fbuild_watch.text.patterns:compile": _ONCE,
    # a board's port
    "fbuild_watch.serial.opening:open_port": _ONCE,
    # the watcher
    "fbuild_watch.watcher:_listen": _ONCE,
    "fbuild_watch.watcher:age": "at most 16 looks at files that were looked at a moment ago",
    # packages
    "fbuild_watch.packages.part:Part": _PACKAGES,
    "fbuild_watch.packages.fetch:Fetcher._try": _ONCE,
    "fbuild_watch.packages.fetch:Fetcher._open": _ONCE,
    "fbuild_watch.packages.fetch:Fetcher.download": _PACKAGES,
    "fbuild_watch.packages.index_cache:IndexCache": _PACKAGES,
    "fbuild_watch.packages.index_cache:_record": _PACKAGES,
    "fbuild_watch.packages.locks:Leases.take": _PACKAGES,
    "fbuild_watch.packages.locks:changing": _PACKAGES,
    "fbuild_watch.packages.installer:_drop": _PACKAGES,
    "fbuild_watch.packages.installer:_check_kind": _PACKAGES,
    "fbuild_watch.packages.absent:Absent": _PACKAGES,
    # programs
    "fbuild_watch.processes.group_posix:_end": (
        "the end of a shell that was just sent SIGKILL: it has nothing to do but to die"
    ),
    # the virtual board, which is a process of its own
    "fbuild_watch.virtual.host:serve_board": _START,
}
