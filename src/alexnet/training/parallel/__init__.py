"""How one training is spread over workers: by pictures, by towers, or both."""
