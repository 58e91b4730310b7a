"""The API for programs with an event loop: trio's or asyncio's alike, through anyio."""
