"""One module per claim; `studies.registry` lists them."""
