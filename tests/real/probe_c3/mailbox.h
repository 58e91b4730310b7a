// Calculations that a test asks for, through memory: many at once, and bit by bit.
#pragma once

void *mailbox();
void answer_mailbox();
