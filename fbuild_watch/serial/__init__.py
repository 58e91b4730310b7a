"""Ports and what comes through them: opening, handing over, finding them, and lines of text."""

from fbuild_watch.serial.holders import find_holder
from fbuild_watch.serial.lease import LeaseConflict, PortLease
from fbuild_watch.serial.lines import LineAssembler
from fbuild_watch.serial.opening import open_port
from fbuild_watch.serial.port import Port, SerialLike
from fbuild_watch.serial.ports import (
    PortInfo,
    choose_port,
    list_ports,
    serial_number_of,
    wait_for_port,
    whereabouts,
)
from fbuild_watch.serial.reader import read_into

__all__ = [
    "LeaseConflict",
    "LineAssembler",
    "Port",
    "PortInfo",
    "PortLease",
    "SerialLike",
    "choose_port",
    "find_holder",
    "list_ports",
    "open_port",
    "read_into",
    "serial_number_of",
    "wait_for_port",
    "whereabouts",
]
