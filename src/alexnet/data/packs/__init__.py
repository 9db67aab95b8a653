"""Any data set as one stored zip that opens instantly."""
