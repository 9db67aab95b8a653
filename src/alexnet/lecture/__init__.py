"""The lecture's slides, checked against the networks, and the forms that AlexNet has been given."""
