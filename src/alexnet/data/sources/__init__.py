"""Folders, zips and tars as collections of named files, read in place."""
