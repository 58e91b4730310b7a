// Edit me: `fbuild watch` recompiles main.cpp, which includes this, and nothing else.
#pragma once

#define GREETING "hello"
