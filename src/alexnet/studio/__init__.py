"""`alexnet studio`: data sets, trainings, comparisons and answers in the browser, over the folders that the command line uses too."""
