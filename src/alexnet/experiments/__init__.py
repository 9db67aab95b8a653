"""Recipes, runs, studies, and the page that shows them."""
