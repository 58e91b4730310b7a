// Memory and strings: compilers call memcpy and its kin even in freestanding code.

#include <string.h>

#include <stdint.h>

// Keeps gcc from recognising a loop as memcpy and calling the function it stands in.
#define NOT_AN_IDIOM() __asm__ volatile("")

void *memcpy(void *restrict to, const void *restrict from, size_t size) {
  unsigned char *out = to;
  const unsigned char *in = from;
  if ((((uintptr_t)out | (uintptr_t)in) & 3) == 0) {
    for (; size >= 4; size -= 4, out += 4, in += 4) {
      *(uint32_t *)out = *(const uint32_t *)in;
      NOT_AN_IDIOM();
    }
  }
  for (; size; --size) {
    *out++ = *in++;
    NOT_AN_IDIOM();
  }
  return to;
}

void *memmove(void *to, const void *from, size_t size) {
  unsigned char *out = to;
  const unsigned char *in = from;
  if (out <= in) {
    return memcpy(to, from, size);  // ours goes upwards
  }
  while (size--) {
    out[size] = in[size];
    NOT_AN_IDIOM();
  }
  return to;
}

void *memset(void *to, int value, size_t size) {
  unsigned char *out = to;
  for (; size; --size) {
    *out++ = (unsigned char)value;
    NOT_AN_IDIOM();
  }
  return to;
}

int memcmp(const void *a, const void *b, size_t size) {
  const unsigned char *left = a, *right = b;
  for (; size; --size, ++left, ++right) {
    if (*left != *right) {
      return *left - *right;
    }
  }
  return 0;
}

void *memchr(const void *data, int value, size_t size) {
  const unsigned char *at = data;
  for (; size; --size, ++at) {
    if (*at == (unsigned char)value) {
      return (void *)at;
    }
  }
  return NULL;
}

size_t strlen(const char *text) {
  const char *end = text;
  while (*end) {
    ++end;
    NOT_AN_IDIOM();
  }
  return (size_t)(end - text);
}

int strcmp(const char *a, const char *b) { return strncmp(a, b, (size_t)-1); }

int strncmp(const char *a, const char *b, size_t size) {
  for (; size; --size, ++a, ++b) {
    if (*a != *b || !*a) {
      return (unsigned char)*a - (unsigned char)*b;
    }
  }
  return 0;
}

char *strcpy(char *to, const char *from) {
  memcpy(to, from, strlen(from) + 1);
  return to;
}

char *strncpy(char *to, const char *from, size_t size) {
  size_t i = 0;
  for (; i < size && from[i]; ++i) {
    to[i] = from[i];
  }
  memset(to + i, 0, size - i);
  return to;
}

char *strcat(char *to, const char *from) {
  strcpy(to + strlen(to), from);
  return to;
}

char *strncat(char *to, const char *from, size_t size) {
  const char *end = memchr(from, 0, size);
  const size_t length = end ? (size_t)(end - from) : size;
  char *at = to + strlen(to);
  memcpy(at, from, length);
  at[length] = '\0';
  return to;
}

char *strchr(const char *text, int value) {
  return memchr(text, value, strlen(text) + 1);
}

char *strrchr(const char *text, int value) {
  for (size_t i = strlen(text) + 1; i--;) {
    if (text[i] == (char)value) {
      return (char *)text + i;
    }
  }
  return NULL;
}

char *strstr(const char *text, const char *part) {
  const size_t size = strlen(part);
  for (; strlen(text) >= size; ++text) {
    if (memcmp(text, part, size) == 0) {
      return (char *)text;
    }
  }
  return NULL;
}
