"""minicrest in scikit-learn's terms: a classifier trained on what matters, and what selects representative rows."""

from minicrest.estimators.classifier import CoresetClassifier
from minicrest.estimators.selector import CoresetSampler, CoresetSelector

__all__ = ["CoresetClassifier", "CoresetSampler", "CoresetSelector"]
