"""ImageNet's original files as a data set."""
