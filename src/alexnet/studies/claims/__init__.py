"""One claim a module; `catalog` lists them."""
