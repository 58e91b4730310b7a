"""`:heap` of fbuild's console, and words for the I2C errors of ESP boards."""

import re

ERRORS = {
    "259": "ESP_ERR_INVALID_STATE: is the bus started?",
    "263": "ESP_ERR_TIMEOUT: no pull-up?",
}


def heap(console, arguments):
    """The lowest free heap that the board has told of."""
    free = [int(found) for line in console.lines(1000) for found in re.findall(r"free=(\d+)", line)]
    if arguments == "now":
        console.send("heap")
    return f"lowest free heap: {min(free):,} bytes" if free else "no line has free=NUMBER yet"


class I2cErrors:
    """Called once for each board; `feed` gets each of its lines."""

    def feed(self, line):
        for number in re.findall(r"i2c\w*: error (\d+)", line):
            yield f"I2C: {ERRORS.get(number, f'error {number}')}"
