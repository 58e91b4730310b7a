"""Panics and resets in what a board prints, decoded with the ELF that runs there."""
