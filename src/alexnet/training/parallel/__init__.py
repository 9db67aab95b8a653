"""Layouts of one training over several workers: by images, by towers, or by images and units."""
