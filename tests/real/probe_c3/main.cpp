// A sketch that does what a test asks for: one command a byte. Not an example.

#include <Arduino.h>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "mailbox.h"

namespace {

struct Constructed {
  Constructed() : value(42) {}
  int value;
};

Constructed constructed;
uint8_t zeroed[64];
volatile int initialised = 7;

volatile uintptr_t null = 0;

void memory() {
  Serial.printf("constructed %d initialised %d\n", constructed.value, initialised);
  int sum = 0;
  for (uint8_t value : zeroed) {
    sum += value;
  }
  Serial.printf("bss %d\n", sum);
  char *text = static_cast<char *>(malloc(100));
  strcpy(text, "heap");
  text = static_cast<char *>(realloc(text, 5000));
  int *numbers = new int[1000];
  numbers[999] = 1;
  Serial.println(text);
  delete[] numbers;
  free(text);
  Serial.println(malloc(200000) == nullptr ? "too much" : "overlap");
  bool all = true;
  for (int round = 0; round < 1000; ++round) {
    void *block = malloc(100000);
    all = all && block;
    free(block);
  }
  Serial.println(all ? "reused" : "leaked");
}

void numbers() {
  Serial.println(-42);
  Serial.println(255, HEX);
  Serial.println(5, BIN);
  Serial.println(-1, HEX);
  Serial.println(4294967295UL);
  Serial.println(-9223372036854775807LL - 1);
  Serial.println(3.14159);
  Serial.println(-2.5, 0);
  Serial.println(1.0f / 3, 6);
  Serial.println('c');
  Serial.println(abs(-2.5));
  Serial.println(round(2.6) + abs(-1));
  Serial.println(map(5, 0, 10, 0, 100) + max(1, 2L) + constrain(7, 0, 5));
}

void clock() {
  const unsigned long start_ms = millis(), start_us = micros();
  delay(1500);
  delayMicroseconds(250);
  Serial.printf("%lu ms %lu us\n", millis() - start_ms, micros() - start_us);
}

void pins() {
  pinMode(3, OUTPUT);
  digitalWrite(3, HIGH);
  const int high = digitalRead(3);
  digitalWrite(3, LOW);
  pinMode(9, INPUT_PULLUP);
  Serial.printf("%d %d %d\n", high, digitalRead(3), digitalRead(9));
}

void hang_under_watchdog() {
  volatile uint32_t *const protect = reinterpret_cast<uint32_t *>(0x600080A8);
  volatile uint32_t *const config = reinterpret_cast<uint32_t *>(0x60008090);
  *protect = 0x50D83AA1;
  config[1] = 6800;
  config[0] = 1u << 31 | 3u << 28;
  for (volatile uint32_t i = 0;; i = i + 1) {
  }
}

void obey(int command) {
  switch (command) {
    case 'm': memory(); break;
    case 'n': numbers(); break;
    case 'c': clock(); break;
    case 'p': pins(); break;
    case 'b': Serial.begin(921600); Serial.println("fast"); break;
    case '9': Serial.begin(9600); Serial.println("usual"); break;
    case 's': Serial.begin(1200); Serial.println("slow"); break;
    case 'w': hang_under_watchdog(); break;
    case 'r': reinterpret_cast<void (*)()>(0x40000090)(); break;
    case 'a': abort();
    case '0': reinterpret_cast<void (*)()>(null)(); break;
    case 'l': Serial.println(*reinterpret_cast<volatile int *>(null)); break;
    default: Serial.write(static_cast<uint8_t>(command));
  }
}

}  // namespace

void setup() { Serial.printf("mailbox %p\n", mailbox()); }

void loop() {
  if (Serial.available()) {
    obey(Serial.read());
  }
  answer_mailbox();
}
