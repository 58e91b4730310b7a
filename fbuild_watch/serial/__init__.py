"""Ports and what comes through them: opening, handing over, finding them, and lines of text."""

from fbuild_watch.serial.follow import wait_for_board
from fbuild_watch.serial.identity import Identity, identify, look_up
from fbuild_watch.serial.lease import LeaseConflict, PortLease
from fbuild_watch.serial.line_policy import OFF, Rest, rest_of
from fbuild_watch.serial.lines import LineAssembler
from fbuild_watch.serial.opening import open_port
from fbuild_watch.serial.port import Port, SerialLike
from fbuild_watch.serial.ports import (
    PortInfo,
    choose_port,
    list_ports,
    list_ports_soon,
    wait_for_port,
    whereabouts,
)
from fbuild_watch.serial.reader import read_into

__all__ = [
    "OFF",
    "Identity",
    "LeaseConflict",
    "LineAssembler",
    "Port",
    "PortInfo",
    "PortLease",
    "Rest",
    "SerialLike",
    "choose_port",
    "identify",
    "list_ports",
    "list_ports_soon",
    "look_up",
    "open_port",
    "read_into",
    "rest_of",
    "wait_for_board",
    "wait_for_port",
    "whereabouts",
]
