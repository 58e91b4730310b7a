// Where the bootloader jumps to: a stack, then C++.

    .section .text.start, "ax"
    .global _start
    .type _start, @function
_start:
    la sp, _stack_top
    tail start_runtime
    .size _start, . - _start
