"""Fitting a model by gradient descent. Independent of image files, recipes and the screen."""
