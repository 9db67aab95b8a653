"""The systems of 2011: features designed by hand, encodings, kernel and linear machines, behind the seam."""
