"""What runs over several seeds show: means with intervals, tests against the baselines, a Row of numbers a method."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from minicrest.run import Run

BASELINES = ("random", "shuffle")  # at the same budget: random mini-batches, and all the data in turn
FEWEST_SEEDS = 3  # for a verdict: two differences say next to nothing of their spread
NAN = math.nan


@dataclass(frozen=True)
class Estimate:
    """A mean over seeds and the half-width of its 95% t-interval (NaN for one seed)."""

    mean: float
    half: float

    def __format__(self, spec: str) -> str:
        return f"{self.mean:{spec}}" + (f" +- {self.half:{spec.lstrip('+')}}" if math.isfinite(self.half) else "")


def estimate(values) -> Estimate:
    """The mean of `values` (n,) and t_{0.975, n-1} s / sqrt(n); both NaN where a value is not finite.

    >>> estimate([96.0, 97.0, 98.0])
    Estimate(mean=97.0, half=2.484...)
    """
    from scipy.special import stdtrit

    values = np.asarray(values, dtype=float)
    if not np.isfinite(values).all():
        return Estimate(NAN, NAN)
    n = len(values)
    half = stdtrit(n - 1, 0.975) * values.std(ddof=1) / math.sqrt(n) if n > 1 else NAN
    return Estimate(float(values.mean()), float(half))


def p_value(scores, others) -> float:
    """The two-sided p-value of the paired t-test of `scores` (n,) against `others` (n,), exact by the t distribution.

    Where all differences are equal there is no spread to measure an error by; the sign test, 2 / 2^n, takes its place,
    and 1 where they are all zero. NaN for fewer than two pairs.
    """
    from scipy.special import stdtr

    scores, others = np.asarray(scores, dtype=float), np.asarray(others, dtype=float)
    difference, n = scores - others, len(scores)
    if n < 2:
        return NAN
    rounding = 4 * np.finfo(float).eps * max(abs(scores).max(), abs(others).max())
    if np.ptp(difference) <= rounding:
        return 2.0 ** (1 - n) if abs(difference).max() > rounding else 1.0
    t = difference.mean() / (difference.std(ddof=1) / math.sqrt(n))
    return float(2 * stdtr(n - 1, -abs(t)))


def holm(p: Mapping[str, float]) -> dict[str, float]:
    """p-values corrected for their number: name -> the level at which Holm's method rejects it.

    With p_(1) <= ... <= p_(k), the corrected p_(j) is the largest of (k + 1 - i) p_(i), i <= j, and at most 1. Whatever
    the dependence, the chance that any true hypothesis has a corrected p-value of at most a is at most a (Holm, 1979).

    >>> holm({"crest": 0.01, "craig": 0.04, "milo": 0.03})
    {'crest': 0.03, 'craig': 0.06, 'milo': 0.06}
    """
    corrected, largest = {}, 0.0
    for k, name in enumerate(sorted(p, key=p.__getitem__)):
        largest = max(largest, min(1.0, (len(p) - k) * p[name]))
        corrected[name] = largest
    return {name: corrected[name] for name in p}


def relative_error(accuracy, full) -> np.ndarray:
    """100 (full - accuracy) / full in percent, (n,) each. 0 where both are 0; undefined (NaN) where only full is 0."""
    accuracy, full = np.asarray(accuracy, dtype=float), np.asarray(full, dtype=float)
    undefined = np.where(accuracy == 0, 0.0, NAN)
    return np.divide(100 * (full - accuracy), full, out=undefined, where=full != 0)


@dataclass(frozen=True)
class Row:
    """What one method did, over seeds; gain and relative error are paired by seed.

    Without classes (float targets) there is no accuracy, and the gain is in test loss. A method of which a run diverged
    has no means of quality (NaN), and no gain. None stands for what does not exist, as a gain of random itself.
    gain and p are against random, gain_shuffle and p_shuffle against shuffle.
    """

    method: str
    seeds: int
    accuracy: Estimate | None  # percent
    gain: Estimate | None  # percentage points above random, or by how much the test loss is lower
    gain_shuffle: Estimate | None
    relative_error: Estimate | None  # 100 (acc_full - acc) / acc_full
    p: float | None  # of gain = 0, corrected over the methods; None below three seeds
    p_shuffle: float | None
    test_loss: Estimate
    train_loss: Estimate
    steps: float
    cost: float  # forward-pass equivalents
    phases: dict[str, float]  # the same by phase
    overshoot: float  # by how much the largest bill exceeds its limit; 0 without a limit
    seconds: float
    examples: float  # distinct ones trained on
    diverged: dict[int, int]  # seed -> step


def rows(runs: Mapping[str, Sequence[Run]]) -> list[Row]:
    """A Row for each method of `runs`, method -> a Run a seed.

    Raises ValueError where a method has no run, or not the seeds that the others have.
    """
    paired = pair(runs)
    classes = with_classes(paired)
    scores = {name: _scores(group, classes) for name, group in paired.items()}
    p = {baseline: corrected_p(scores, baseline) for baseline in BASELINES}
    return [_row(name, group, scores, p, classes) for name, group in paired.items()]


def pair(runs: Mapping[str, Sequence[Run]]) -> dict[str, list[Run]]:
    """The same runs, those of each method in the order of their seeds (as they come where runs do not say a seed).

    Raises ValueError where a method has no run, or not the seeds that the others have, and for a run that was stopped
    before its first evaluation.
    """
    if not runs or not all(runs.values()):
        empty = ", ".join(name for name, group in runs.items() if not group) or "no method at all"
        raise ValueError(f"a comparison needs a run of every method; there is none of {empty}")
    ordered = {name: sorted(group, key=lambda run: run.settings.get("seed", 0)) for name, group in runs.items()}
    seeds = {name: seeds_of(group) for name, group in ordered.items()}
    first, wanted = next(iter(seeds.items()))
    for name, these in seeds.items():
        if these != wanted or len(set(these)) < len(these):
            raise ValueError(f"every method needs a run of each seed: {first} has the seeds {_listed(wanted)}, "
                             f"{name} has {_listed(these)}; train what is missing or leave it out")  # fmt: skip
        early = [str(seed) for seed, run in zip(these, ordered[name]) if not len(run.curve.step)]
        if early:
            raise ValueError(f"{name} was stopped before its first evaluation with seed {', '.join(early)}; train what "
                             "is missing or leave it out")  # fmt: skip
    return ordered


def seeds_of(runs: Sequence[Run]) -> list[int]:
    """The runs' seeds; 0, 1, ... where they do not say."""
    return [run.settings.get("seed", k) for k, run in enumerate(runs)]


def with_classes(runs: Mapping[str, Sequence[Run]]) -> bool:
    """Whether the runs have accuracies: False where the targets are numbers."""
    return any(np.isfinite(run.curve.accuracy).any() for group in runs.values() for run in group)


def with_q(run) -> str:
    """What to add to a training loss that is no cross-entropy, as test losses are."""
    return ", with q" if run.network is not None and run.network.loss.weighs else ""


def last_train_loss(run: Run) -> float:
    """The train loss at the last evaluation that had a step before it; NaN where none had."""
    finite = np.isfinite(run.curve.train_loss)
    return float(run.curve.train_loss[finite][-1]) if finite.any() else NAN


def limit(run: Run) -> float | None:
    """The largest bill that the run was allowed, in forward-pass equivalents; None for no limit."""
    return run.settings.get("max_bill", run.settings.get("budget"))


def corrected_p(scores: Mapping[str, np.ndarray], baseline: str = "random") -> dict[str, float]:
    """Holm's p-values of the methods compared with the baseline, method -> scores (n,); {} below three seeds."""
    there = scores.get(baseline)
    if there is None or len(there) < FEWEST_SEEDS or not np.isfinite(there).all():
        return {}
    others = {name: values for name, values in scores.items() if name != baseline and np.isfinite(values).all()}
    return holm({name: p_value(values, there) for name, values in others.items()})


def _listed(seeds) -> str:
    return ", ".join(map(str, seeds))


def _scores(runs, classes: bool) -> np.ndarray:
    """(n,) numbers of which more is better: accuracies in percent, or minus the test losses. NaN if a run diverged."""
    if any(run.diverged is not None for run in runs):
        return np.full(len(runs), NAN)
    return np.array([100 * run.accuracy if classes else -run.curve.loss[-1] for run in runs])


def _row(name, runs, scores, p, classes) -> Row:
    def mean(number):
        return float(np.mean([number(run) for run in runs]))

    def against(other, compared):
        shown = other in scores and name != other
        found = estimate(compared(scores[name], scores[other])) if shown else None
        return found if found is not None and math.isfinite(found.mean) else None

    finite = np.where(np.isfinite(scores[name]), 1.0, NAN)  # no mean of the runs that happened to survive
    random, shuffle = BASELINES
    return Row(
        name, len(runs), estimate(scores[name]) if classes else None,
        against(random, np.subtract), against(shuffle, np.subtract),
        against("full", relative_error) if classes else None, p[random].get(name), p[shuffle].get(name),
        estimate(finite * [run.curve.loss[-1] for run in runs]),
        estimate(finite * [last_train_loss(run) for run in runs]),
        mean(lambda run: run.steps), mean(lambda run: run.ledger.cost),
        _phases(runs), max(map(_overshoot, runs)),
        mean(lambda run: run.ledger.seconds), mean(lambda run: (run.uses > 0).sum()),
        {seed: run.diverged for seed, run in zip(seeds_of(runs), runs) if run.diverged is not None},
    )  # fmt: skip


def _phases(runs) -> dict[str, float]:
    """The mean bill by phase, in forward-pass equivalents; phases that cost nothing are left out."""
    phases: dict[str, float] = {}
    for phase, bill in (item for run in runs for item in run.ledger.phases.items()):
        if bill.cost:
            phases[phase] = phases.get(phase, 0) + bill.cost / len(runs)
    return phases


def _overshoot(run) -> float:
    most = limit(run)
    return 0.0 if most is None else float(max(0.0, run.ledger.cost - most))
