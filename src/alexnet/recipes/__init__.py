"""Recipes: everything that determines a training, resolved once before it starts."""
