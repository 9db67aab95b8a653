"""Programs that the Makefile runs: the locks, and data from the system's packages."""
