"""Decode and resize images, and encode them."""
