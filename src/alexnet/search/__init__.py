"""The best classifier that the time allows: which systems to try, in which order, and for how long."""
