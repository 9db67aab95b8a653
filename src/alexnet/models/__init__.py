"""The networks, each a table of layers that reads like its source. Nothing here has heard of a data set."""
