"""The API for programs without an event loop."""
