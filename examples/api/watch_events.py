"""Everything that happens to a watched project, as JSON lines, for an editor or a dashboard.

    python watch_events.py PROJECT

Runs under trio as it stands; `asyncio.run(main(...))` does the same.
"""

import sys

import msgspec
import trio

from fbuild_watch import AsyncClient, AsyncDaemon


async def main(project: str) -> None:
    """Until it is interrupted."""
    await AsyncDaemon().ensure_running(project)
    async with AsyncClient("watch_events.py") as client:
        async for event in client.events():
            print(msgspec.json.encode(event).decode(), flush=True)


if __name__ == "__main__":
    trio.run(main, sys.argv[1])
