"""All models: networks, each a table of layers that reads like its source, and hand-crafted systems. Independent of data sets."""
