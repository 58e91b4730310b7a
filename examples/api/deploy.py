"""Build a project, bring the board up to date, and wait for what its firmware says.

python deploy.py PROJECT PORT
"""

import sys

from fbuild_watch import Client, Daemon, SerialMonitor, errors


def main(project: str, port: str) -> int:
    """Branch on the type of an error, or on its code; never on its words."""
    Daemon().ensure_running()
    with Client("deploy.py") as client, SerialMonitor(port=port) as monitor:
        try:
            result = client.deploy(project, port=port, timeout=120)
        except errors.CompileFailed as error:
            print(error.diagnostics, file=sys.stderr)
            return error.exit_code
        except errors.PortBusy as error:
            print(f"close pid {error.pid} ({error.command}) first", file=sys.stderr)
            return error.exit_code
        print(result.message, dict(result.phases))
        print("it says:", monitor.read_line(timeout=10))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
