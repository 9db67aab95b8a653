"""What a trained model has learned: its filters, its layers, its reasons, and its mistakes."""
