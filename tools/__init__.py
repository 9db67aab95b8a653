"""Programs that the Makefile runs: writing the lock files, and fetching data from the system's packages."""
