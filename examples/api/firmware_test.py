"""A test of firmware: flash it, talk to it, expect an answer. Also while the port is flashed anew.

python firmware_test.py PROJECT PORT
"""

import asyncio
import sys

from fbuild_watch import AsyncClient, AsyncDaemon, AsyncSerialMonitor


async def main(project: str, port: str) -> None:
    """Raises TimedOut when the firmware does not do what it should."""
    await AsyncDaemon().ensure_running()
    async with AsyncClient() as client, AsyncSerialMonitor(port=port, write="yes") as monitor:
        await client.deploy(project, port=port)
        await monitor.expect(r"^hello", timeout=10)
        await monitor.write("are you there?\n")
        await monitor.expect(r"are you there", timeout=5)
    print("passed")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:3]))
