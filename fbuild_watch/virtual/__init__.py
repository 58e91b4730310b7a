"""The virtual devkit (ESP32-C3, ESP32, ESP8266): flash, loader, CPU and modem lines, served on a port."""
