"""Call a function of the firmware, which answers JSON-RPC 2.0 requests with lines of JSON.

    python json_rpc.py PORT METHOD [PARAMS as JSON]

Other lines that it prints, and answers to others, are passed over; so is a flash in between.
"""

import json
import sys

from fbuild_watch import Daemon, SerialMonitor, errors


def main(port: str, method: str, params: str = "{}") -> int:
    """Print the result; 1: the firmware says that it was an error, or says nothing."""
    Daemon().ensure_running()
    with SerialMonitor(port=port, name="json_rpc.py", write="yes") as monitor:
        try:
            answer = monitor.write_json_rpc(method, json.loads(params), timeout=10)
        except errors.TimedOut as error:
            print(error, file=sys.stderr)
            return 1
    print(answer.get("result"))
    return 1 if "error" in answer else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
