"""What the operating system gives, in our words: files, locks, clocks, signals, the environment.

Knows nothing of boards and builds. Imports nothing, so that who needs one of them does not pay for
the others.
"""
