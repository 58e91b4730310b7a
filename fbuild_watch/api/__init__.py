"""The Python API: clients of the user's one process, with a sync and an async face.

Logic is in `asks`, `exchange` and `reading`, without I/O; `sync` and `aio` add only that. What is
public is exported by `fbuild_watch` itself.
"""
