"""What a training is asked to do, decided once."""
