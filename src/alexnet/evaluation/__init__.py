"""How good a model is: metrics (pure functions), views of an image, and whole evaluations."""
