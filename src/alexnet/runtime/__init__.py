"""Devices, the machine, workers, interrupts, events, pools of threads and processes."""
