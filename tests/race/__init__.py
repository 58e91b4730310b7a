"""Many starters at the same instant: `python -m tests.race --workers N --rounds R`."""
