"""What a data set holds: broken files, duplicates, splits."""
