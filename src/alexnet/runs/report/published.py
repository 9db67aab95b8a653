"""Published results, shown next to ours with their source. To add one, add a row."""

PUBLISHED: tuple[tuple[str, str, str, str], ...] = (
    # data set      what                                           number            source
    ("fashion-mnist", "D2L's LeNet, 10 epochs", "test error .212-.221", "Dive into Deep Learning, printed outputs"),
    ("fashion-mnist", "D2L's AlexNet, 10 epochs at 224 px", "test error .116-.123", "Dive into Deep Learning, printed outputs"),
    ("fashion-mnist", "HOG + SVM", "test error .074", "the data set's benchmark page"),
    ("cifar10", "cuda-convnet, 80 s of a 2012 GPU", "test error .26", "cuda-convnet's front page"),
    ("cifar10", "cuda-convnet, 20 min", "test error .18", "cuda-convnet's front page"),
    ("cifar10", "cuda-convnet, 25 min", "test error .13", "cuda-convnet's front page"),
    ("cifar10", "cuda-convnet, 75 min, several views", "test error .11", "cuda-convnet's front page"),
    ("imagenet", "AlexNet, 1 CNN", "validation top-1 error .407, top-5 error .182", "Krizhevsky et al. 2012, table 2"),
    ("imagenet", "torchvision's AlexNet", "validation top-1 error .435, top-5 error .209", "torchvision's model page"),
)


def published_numbers(dataset: str) -> list[tuple[str, str, str]]:
    """(what, number, source) for a data set, matched by its name; empty for the user's own images."""
    return [(what, number, source) for name, what, number, source in PUBLISHED if dataset.startswith(name)]
