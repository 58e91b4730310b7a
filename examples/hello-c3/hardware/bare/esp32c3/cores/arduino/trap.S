// Where the CPU goes at a trap: all registers are kept, then panic.cpp reports them.
// Interrupts are off in this core, so only the first entry of the vector table is used.

    .section .text.trap, "ax"
    .global trap_vector
    .type trap_vector, @function
trap_vector:
    csrw mscratch, a5
    la a5, panic_registers
    .irp number, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    sw x\number, 4 * \number(a5)
    .endr
    csrr a4, mscratch
    sw a4, 4 * 15(a5)
    csrr a4, mepc
    sw a4, 0(a5)
    la sp, panic_stack_top
    tail panic_report
    .size trap_vector, . - trap_vector

    .section .bss.panic_stack, "aw", @nobits
    .balign 16
    .skip 512
panic_stack_top:
