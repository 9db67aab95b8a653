"""How one training is spread over workers: by images, by towers, or both."""
