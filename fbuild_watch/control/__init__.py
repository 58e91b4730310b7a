"""One process per user: the lock that the kernel holds for it."""
