// random(): a small generator, seeded by the sketch.

#include "Arduino.h"

long random(long limit) { return limit <= 0 ? 0 : static_cast<long>(rand()) % limit; }

long random(long low, long limit) { return low >= limit ? low : low + random(limit - low); }

void randomSeed(unsigned long seed) { srand(static_cast<unsigned int>(seed)); }
