"""`python -m benchmarks.esptool_equal ARGS`: esptool's own command line, on a port equal to ours."""

from __future__ import annotations

import serial


def main() -> None:
    """Run esptool with our rfc2217 handler before pyserial's."""
    serial.protocol_handler_packages.insert(0, "benchmarks.handlers")
    import esptool

    esptool._main()


if __name__ == "__main__":
    main()
