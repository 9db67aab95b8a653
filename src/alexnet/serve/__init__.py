"""Trained models over HTTP: one process, one run of a model at a time, and limits on everything that a client can send."""
