"""A trained model for other programs: `alexnet export`."""
