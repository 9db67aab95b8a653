"""Fitting a model by gradient descent. Knows nothing of files of images, recipes or the screen."""
