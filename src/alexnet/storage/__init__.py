"""Files, records, tensors and the cache."""
