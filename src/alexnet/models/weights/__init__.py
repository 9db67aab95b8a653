"""Forms of AlexNet: ways to write down the weights of one function. One module a form, one registry; nothing is trained here."""
