"""How good a model is: metrics (pure), views of a picture, and a whole evaluation."""
