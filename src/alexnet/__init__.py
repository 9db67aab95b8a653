"""Train AlexNet, LeNet and their relatives on your own pictures, and measure what the 2012 paper claims."""

__version__ = "0.1.0"
