"""The systems as scikit-learn estimators: `from alexnet.sklearn import ImageClassifier`."""

from alexnet.sklearn.estimator import ImageClassifier

__all__ = ["ImageClassifier"]
