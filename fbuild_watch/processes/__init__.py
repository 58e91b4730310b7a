"""The one place that starts other programs. Nothing else of fbuild does (a test looks).

    run_command   a command run to its end, in trio: compilers, linkers, uploaders, git, anything
    child         a program that lives as long as a block does, with pipes at its ends
    blocking      the same without an event loop, and programs that outlive us
    any_loop      the same under trio and asyncio alike, for programs that use the API

Imports nothing, so that who needs one of them does not pay for the others.
"""
