"""Images on their way to a model: files, data sets, splits, squares in batches. Independent of models and training.

Open a data set with `open.open_dataset`, decode it with `pipeline.image_store.open_images`, and split it with
`curation.splits.make_splits`, passing the groups of `curation.duplicates.groups`. `curation.inspection.inspect` examines a data set
without training.
"""
