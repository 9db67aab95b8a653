"""From images to augmented batches."""
