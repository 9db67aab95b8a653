"""Forms of AlexNet: file formats for the weights of the same function. One module per form, one registry; nothing is trained here."""
