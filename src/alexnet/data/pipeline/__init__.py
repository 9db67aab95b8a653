"""From a data set's images to augmented batches."""
