"""The page of `alexnet lecture`."""
