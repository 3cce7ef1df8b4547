"""minicrest in scikit-learn's terms: a classifier trained on what matters, and a selector of representative rows."""

from minicrest.estimators.classifier import CoresetClassifier
from minicrest.estimators.selector import CoresetSelector

__all__ = ["CoresetClassifier", "CoresetSelector"]
