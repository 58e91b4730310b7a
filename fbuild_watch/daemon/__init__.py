"""The user's one process: every project and port of its user, and the requests of its clients."""
