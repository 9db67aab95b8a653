"""Images on their way to a model: files, data sets, splits, squares in batches; knows no model and no training.

Open a data set with `datasets.open_dataset`, its squares with `images.open_images`, and split it with `splits.make_splits`, giving it
the groups of `duplicates.groups`. `inspection.inspect` looks at one without training.
"""
