"""Runs whose numbers are known, for the tests of statistics, tables and pictures."""

import numpy as np

from minicrest.ledger import Bill, Ledger
from minicrest.train import Curve, Run


def made_up(accuracy: float, cost: int = 3000, check: int = 0, **report) -> Run:
    """A Run of 10 steps on 5 examples that ends at `accuracy`; `check` of its cost went to checks."""
    step = np.array([0, 5, 10])
    curve = Curve(step, cost * step / 10, step / 10, np.array([2.0, 1.0, 0.5]), accuracy * step / 10,
                  np.array([np.nan, 1.5, 0.7]))  # fmt: skip
    phases = {"train": Bill(forward=(cost - check) // 3, backward=(cost - check) // 3, seconds=2.0)}
    if check:
        phases["check"] = Bill(forward=check, seconds=1.0)
    uses, nothing = np.array([1, 0, 2, 0, 9]), np.zeros(0)
    return Run({"hyperparameters": {"tau": 0.05}}, 10, True, curve, Ledger(phases), uses, report, nothing, nothing)


def several(*accuracies, **values) -> list[Run]:
    """A made-up Run for each accuracy, of the seeds 0, 1, ..."""
    return [with_settings(made_up(a, **values), seed=k) for k, a in enumerate(accuracies)]


def with_settings(run: Run, **settings) -> Run:
    """The run, whose settings also say `settings`."""
    return changed(run, settings={**run.settings, **settings})


def changed(run: Run, curve=None, **values) -> Run:
    """The run with other values, and with other columns of its curve where `curve` has them."""
    columns = {**vars(run.curve), **(curve or {})}
    return Run(**{**vars(run), **values, "curve": Curve(**columns)})


def diverged(run: Run, step: int) -> Run:
    """The run as it would be, had its loss stopped being finite at `step`, before the last evaluation."""
    return changed(run, {"loss": np.append(run.curve.loss[:-1], np.nan)}, diverged=step)


def without_classes(run: Run, loss: float) -> Run:
    """The run with float targets: it has no accuracy, and ends at `loss`."""
    return changed(run, {"accuracy": np.full(3, np.nan), "loss": np.array([2.0, 1.0, loss])})


def of_preparation_alone(cost: int) -> Run:
    """A Run whose preparation cost so much that no step was made."""
    run = made_up(0.1)
    first = {name: column[:1] for name, column in vars(run.curve).items()}
    first |= {"cost": np.array([float(cost)]), "accuracy": np.array([0.1])}
    return changed(run, first, steps=0, ledger=Ledger({"prepare": Bill(forward=cost, seconds=1.0)}))


RUNS = {
    "random": [made_up(0.80), made_up(0.84), made_up(0.82)],
    "full": [made_up(0.90, 30_000), made_up(0.92, 30_000), made_up(0.91, 30_000)],
    "crest": [made_up(0.70, check=600), made_up(0.75, check=600), made_up(0.71, check=600)],
}
