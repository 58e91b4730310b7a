// The heap: first fit in one list of blocks, neighbours joined when one is freed.

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

extern "C" char _heap_start[], _heap_end[];

namespace {

struct Block {
  size_t size;  // with this header; a multiple of kAlign
  bool used;
};

const size_t kAlign = 16;
static_assert(sizeof(Block) <= kAlign, "a block's header fits in front of its aligned bytes");

bool ready = false;

// The linker's addresses, kept as data for the reason given in main.cpp.
__attribute__((section(".memory_map"), used)) char *const volatile heap_bounds[] = {_heap_start,
                                                                                  _heap_end};

char *heap_start() {
  return reinterpret_cast<char *>(
      (reinterpret_cast<uintptr_t>(heap_bounds[0]) + kAlign - 1) & ~(kAlign - 1));
}

Block *first() {
  Block *block = reinterpret_cast<Block *>(heap_start());
  if (!ready) {
    block->size = static_cast<size_t>(heap_bounds[1] - heap_start()) & ~(kAlign - 1);
    block->used = false;
    ready = true;
  }
  return block;
}

Block *next(Block *block) {
  char *at = reinterpret_cast<char *>(block) + block->size;
  return at < heap_bounds[1] ? reinterpret_cast<Block *>(at) : nullptr;
}

void *bytes_of(Block *block) { return reinterpret_cast<char *>(block) + kAlign; }
Block *block_of(void *bytes) { return reinterpret_cast<Block *>(static_cast<char *>(bytes) - kAlign); }

void join_free_neighbours(Block *block) {
  for (Block *after = next(block); after && !after->used; after = next(block)) {
    block->size += after->size;
  }
}

void split(Block *block, size_t size) {
  if (block->size - size < 2 * kAlign) {
    return;
  }
  Block *rest = reinterpret_cast<Block *>(reinterpret_cast<char *>(block) + size);
  rest->size = block->size - size;
  rest->used = false;
  block->size = size;
}

}  // namespace

extern "C" void *malloc(size_t size) {
  if (size == 0 || size > static_cast<size_t>(heap_bounds[1] - heap_start())) {
    return nullptr;
  }
  const size_t needed = (size + kAlign - 1 + kAlign) & ~(kAlign - 1);
  for (Block *block = first(); block; block = next(block)) {
    if (block->used) {
      continue;
    }
    join_free_neighbours(block);
    if (block->size >= needed) {
      split(block, needed);
      block->used = true;
      return bytes_of(block);
    }
  }
  return nullptr;
}

extern "C" void free(void *bytes) {
  if (bytes) {
    block_of(bytes)->used = false;
  }
}

extern "C" void *calloc(size_t count, size_t size) {
  size_t total;
  if (__builtin_mul_overflow(count, size, &total)) {
    return nullptr;
  }
  void *bytes = malloc(total);
  return bytes ? memset(bytes, 0, total) : nullptr;
}

extern "C" void *realloc(void *bytes, size_t size) {
  if (!bytes) {
    return malloc(size);
  }
  void *grown = malloc(size);
  if (grown) {
    const size_t held = block_of(bytes)->size - kAlign;
    memcpy(grown, bytes, held < size ? held : size);
    free(bytes);
  }
  return grown;
}

void *operator new(size_t size) { return malloc(size); }
void *operator new[](size_t size) { return malloc(size); }
void operator delete(void *bytes) noexcept { free(bytes); }
void operator delete[](void *bytes) noexcept { free(bytes); }
void operator delete(void *bytes, size_t) noexcept { free(bytes); }
void operator delete[](void *bytes, size_t) noexcept { free(bytes); }

extern "C" void __cxa_pure_virtual() { abort(); }
