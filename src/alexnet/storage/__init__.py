"""Files, records, tensors, the cache."""
