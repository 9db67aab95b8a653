"""Fitting a model by gradient descent. Knows nothing of files of pictures, recipes or the screen."""
