"""From pictures to augmented batches."""
