"""Networks that other libraries build, taken whole behind our seam: one file per library and one row in `registry`."""
