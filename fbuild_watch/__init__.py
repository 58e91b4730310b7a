"""fbuild-watch: save a file, and the board on your desk runs it before you have looked up."""

__version__ = "0.1.0"
