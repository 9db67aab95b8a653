"""The lecture's slides, checked against the networks, and the variants of AlexNet."""
