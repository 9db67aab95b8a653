"""A trained model: load, predict."""
