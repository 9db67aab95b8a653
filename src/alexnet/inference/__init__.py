"""Loading a trained model and predicting with it."""
