"""The systems of 2011 as models: hand-crafted features, encodings, kernel and linear machines."""
