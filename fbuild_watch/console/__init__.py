"""Consoles: clients of one stream of items (`model.ConsoleItem`) that give back `ConsoleInput`.

`repl` for a person at a terminal, `headless` for pipes and CI. Neither knows the port, so a flash in
between touches neither.
"""
