"""Systems of all three generations on the same splits of the same images."""
