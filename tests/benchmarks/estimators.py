"""CoresetClassifier beside scikit-learn's MLPClassifier: `python -m tests.benchmarks.estimators` prints the table.

The same network, batch size, epochs, learning rate (Adam's) and no weight decay, float32, features scaled; the same
five stratified folds for each seed. Apart from the method, one thing differs: minicrest's output layer starts at zero.
At equal bill, everybody gets a part of the passes forward and back that all epochs cost: MLPClassifier by fewer epochs,
minicrest by `budget`. Accuracies are the means over folds, with 95% intervals over the seeds; the gain is paired with
MLPClassifier under the same budget. Seconds are the median of a fit, and the fits of a fold follow one another, so that
a slow spell of the machine meets all of them.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
import warnings
from collections.abc import Callable

import numpy as np
from sklearn import datasets
from sklearn.base import ClassifierMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import StratifiedKFold
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler

from minicrest.estimators import CoresetClassifier
from minicrest.experiments.statistics import estimate

EPOCHS, M, LR, HIDDEN, FOLDS = 20, 32, 1e-3, (64,), 5
DATA: dict[str, Callable] = {
    "digits": lambda: datasets.load_digits(return_X_y=True),
    "breast cancer": lambda: datasets.load_breast_cancer(return_X_y=True),
    "wine": lambda: datasets.load_wine(return_X_y=True),
    "made, 7 classes": lambda: datasets.make_classification(
        2000, 54, n_informative=12, n_redundant=10, n_classes=7, flip_y=0.02, random_state=0
    ),
}
BUDGETS = (1.0, 0.25)
RIVALS = ("MLPClassifier", "full", "random", "thinning")


def rival(name: str, budget: float, seed: int) -> ClassifierMixin:
    """The estimator of this name under this budget."""
    if name == "MLPClassifier":
        return MLPClassifier(HIDDEN, alpha=0, batch_size=M, learning_rate_init=LR, max_iter=round(budget * EPOCHS),
                             n_iter_no_change=10**9, random_state=seed)  # fmt: skip
    return CoresetClassifier(name, hidden=HIDDEN, m=M, epochs=EPOCHS, lr=LR, weight_decay=0, random_state=seed,
                             budget=None if budget == 1 else budget)  # fmt: skip


def measure(x, y, seeds: int) -> tuple[dict, dict, dict]:
    """(budget, name) -> mean accuracy of each seed; seconds of every fit; part of the whole bill in every fit."""
    keys = [(budget, name) for budget in BUDGETS for name in RIVALS]
    accuracy, seconds, bill = ({key: [] for key in keys} for _ in range(3))
    for seed in range(seeds):
        right: dict = {key: [] for key in keys}
        for train, test in StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(x, y):
            scaler = StandardScaler().fit(x[train])
            inside, outside = (scaler.transform(x[i]).astype("float32") for i in (train, test))
            for key in keys:
                model = rival(key[1], key[0], seed)
                start = time.perf_counter()
                model.fit(inside, y[train])
                seconds[key].append(time.perf_counter() - start)
                right[key].append(model.score(outside, y[test]))
                bill[key].append(getattr(model, "bill_", 3 * len(train) * model.n_iter_) / (3 * len(train) * EPOCHS))
        for key in keys:
            accuracy[key].append(100 * np.mean(right[key]))
    return accuracy, seconds, bill


def table(name: str, seeds: int) -> str:
    """The rows of one data set."""
    accuracy, seconds, bill = measure(*DATA[name](), seeds)
    lines = []
    for budget, rival_name in accuracy:
        key = budget, rival_name
        gain = estimate(np.subtract(accuracy[key], accuracy[budget, "MLPClassifier"]))
        over = "-" if rival_name == "MLPClassifier" else f"{gain:+.2f}"
        numbers = f"{statistics.mean(bill[key]):.2f} | {statistics.median(seconds[key]):.2f}"
        lines.append(f"| {name} | {budget:g} | {rival_name} | {estimate(accuracy[key]):.2f} | {over} | {numbers} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.estimators", description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--data", nargs="+", default=list(DATA), choices=list(DATA))
    options = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)  # of MLPClassifier, which is stopped after its epochs
    print("| data | budget | model | accuracy % | over MLPClassifier | bill | seconds |\n|---|---|---|---|---|---|---|")
    for name in options.data:
        print(table(name, options.seeds), flush=True)


if __name__ == "__main__":
    sys.exit(main())
