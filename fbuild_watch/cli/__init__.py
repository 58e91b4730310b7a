"""The command line: arguments in, a call out. One small module for each command.

Exit codes (also in docs/exit-codes.md, and in `errors/`, which is where they are defined):
0 done; 1 a defect of fbuild; 2 wrong usage; 3 `status`: nothing runs; 10.. the project;
20.. the build; 30.. the image; 40.. the port; 50.. flashing; 60 another watch runs;
71 --expect not seen in time; 72 --fail seen; 130 interrupted.

A command's module is imported when the command is used, so that `fbuild --help` is quick.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module

import click

from fbuild_watch import __version__
from fbuild_watch.errors import FbuildError

COMMANDS = {
    "build": "Compile the project and make its image.",
    "flash": "Bring the board up to date, and prove it.",
    "watch": "Build, flash and show, each time a file is saved.",
    "console": "Talk to the board.",
    "demo": "See the whole loop on a virtual board.",
    "verify": "Ask the board whether it holds the build.",
    "erase": "Erase the board's flash, or regions of it.",
    "read": "Read the board's flash into a file.",
    "reset": "Restart the board.",
    "ports": "List the serial ports.",
    "packages": "Cores, tools and libraries.",
    "board": "Virtual boards.",
    "init": "Start a project in a folder.",
    "clean": "Remove what was built.",
    "status": "Say what the running watch does.",
    "attach": "A console on a board of the running watch.",
    "logs": "What the running watch has said last.",
    "pause": "Let edits wait: the running watch builds nothing.",
    "resume": "End a pause.",
    "stop": "End the running watch.",
}
HIDDEN = frozenset({"serve"})
"""For our own use: `watch --detach` starts it."""


class _Commands(click.Group):
    """Finds a command's module by the command's name."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, _ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS and name not in HIDDEN:
            return None
        command: click.Command = import_module(f"fbuild_watch.cli.{name}").command
        return command

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="fbuild")
@click.option("--offline", is_flag=True, help="Ask no server for packages (FBUILD_OFFLINE=1).")
def commands(offline: bool) -> None:
    """Save a file, and the board on your desk runs it before you have looked up."""
    if offline:
        os.environ["FBUILD_OFFLINE"] = "1"


def main() -> None:
    """Run a command line and exit with its code."""
    sys.exit(run())


def run(arguments: list[str] | None = None) -> int:
    """Run a command line; say an error if there is one; return the exit code."""
    try:
        result = commands.main(args=arguments, prog_name="fbuild", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        return 130
    except BrokenPipeError:
        return _reader_went_away()
    except FbuildError as error:
        say_error(error)
        return error.exit_code
    except Exception as error:  # the user gets words and a file, not a traceback
        from fbuild_watch.cli.crash import as_internal_error

        internal = as_internal_error(error)
        say_error(internal)
        return internal.exit_code
    return result if isinstance(result, int) else 0


def say_error(error: FbuildError) -> None:
    """What happened and what to do next, on stderr."""
    diagnostics = error.fields().get("diagnostics") or error.fields().get("stderr")
    if diagnostics:
        click.echo(str(diagnostics).rstrip(), err=True)
    click.echo(f"{click.style('error:', fg='red', bold=True)} {error}", err=True)
    if error.hint:
        click.echo(f"  {click.style('hint:', bold=True)} {error.hint}", err=True)


def _reader_went_away() -> int:
    """Like any tool in a pipe whose reader has seen enough; and no second error at exit."""
    import os

    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0
