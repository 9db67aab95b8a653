"""How good a model is: metrics (pure), views of an image, and a whole evaluation."""
