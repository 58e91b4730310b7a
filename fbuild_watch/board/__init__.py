"""A board and its one port, from finding it to what is done through it, with the loop or without.

    port         the port: console and flasher in turn, visits by others, the wait for it to come back
    approach     how a board is brought into its loader and back
    tool_upload  an upload by a core's own program, with the port around it
    transfer     a file to a board: as it is, XMODEM, YMODEM
    decoding     the decoder beside the stream: what it finds are notices in it
    survey       the ports there are, and who has them
    commands     what can be asked for in a console
    oneshot      `flash` and `console` without the loop

Imports nothing, so that who needs one of them does not pay for the others.
"""
