"""The virtual ESP32-C3 devkit: flash, loader, CPU and modem lines, served on a port."""
