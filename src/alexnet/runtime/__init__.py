"""Device, machine, workers, interrupts, events, pools of processes."""
