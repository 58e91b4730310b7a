"""`python -m fbuild_watch` is `fbuild`."""

from fbuild_watch.cli import main

main()
