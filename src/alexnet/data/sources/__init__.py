"""Folders, zips and tars as named files, read in place."""
