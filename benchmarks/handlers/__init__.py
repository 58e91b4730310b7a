"""pyserial URL handlers for the benchmarks."""
