"""Bias and variance of the gradients that a training could step on: coresets of all the data, of random subsets, none.

At marks along a training by random batches the full gradient g is computed, on plain data, in evaluation mode. About it

    random batches of m, of r    bias 0, variance sigma^2/size (n - size)/(n - 1): exact, from all gradient norms
    one coreset of all data      k medoids by class, and batches of m of them: exact, likewise; chosen there and then,
                                 and again as the mark before chose it
    mini-batch coresets          m medoids of r random examples: many draws; |mean - g|^2 less what is due to chance

All three are divided by |g|^2. The mean squared error of a step's gradient is bias^2 + variance.
"""

from __future__ import annotations

import numpy as np

from minicrest.backend import to_numpy
from minicrest.batch import Batch, uniform, weighted
from minicrest.experiments.figures import COLOURS, dress, logarithmic
from minicrest.experiments.paper.engine import Experiment, Verdict, interval, judged, together
from minicrest.experiments.paper.walks import across, parts_of_set, setup_of, short, walk
from minicrest.oracle import Oracle
from minicrest.random import stream
from minicrest.selection.base import Subset, medoid_subset, subset_size
from minicrest.submodular import facility_location

KINDS = {"random m": "random batches of m", "random r": "random batches of r", "all data": "one coreset of all data",
         "old": "the same, a mark later", "mini-batch": "mini-batch coresets"}  # fmt: skip


def random_moments(norms, full: float, size: int) -> tuple[float, float]:
    """(bias^2, variance) of the mean gradient of `size` of n examples, from norms (n,) and |g|^2; without replacement.

    The norms may be those of weighted gradients: then it is of a batch of a weighted subset, about the subset's mean.
    """
    n = len(norms)
    spread = float(norms @ norms) / n - full
    return 0.0, spread / size * (n - size) / max(1, n - 1)


def drawn_moments(gradients, g) -> tuple[float, float]:
    """Unbiased (bias^2, variance) about g (d,) of what `gradients` (N, d) are independent draws of."""
    mean, count = gradients.mean(axis=0), len(gradients)
    variance = float(((gradients - mean) ** 2).sum() / (count - 1))
    return float(((mean - g) ** 2).sum()) - variance / count, variance


def coreset_moments(oracle: Oracle, subset: Subset, g, norms, m: int) -> tuple[float, float]:
    """(bias^2, variance) of batches of m of one weighted subset of all the data."""
    mean, size = to_numpy(oracle.gradient(Batch(subset.indices, subset.weights))), min(m, len(subset.indices))
    _, variance = random_moments(subset.weights * norms[subset.indices], float(mean @ mean), size)
    return float(((mean - g) ** 2).sum()), variance


def mini_batch_coreset(oracle: Oracle, r: int, m: int, rng) -> Batch:
    """The m medoids of r random examples, as CREST chooses and weighs them."""
    V = rng.choice(len(oracle), r, replace=False)
    medoids = facility_location(oracle.logit_gradients(V), m)
    return weighted(V[medoids.indices], medoids.weights)


def one_coreset(oracle: Oracle, fraction: float) -> Subset:
    """The medoids of all the data, by class, at the oracle's parameters: CRAIG's coreset."""
    every = np.arange(len(oracle))
    return medoid_subset(oracle, oracle.logit_gradients(every), subset_size(fraction, len(oracle)), 0)[0]


def moments(oracle: Oracle, sizes: dict, seed: int, fresh: Subset, old: Subset) -> dict[str, list[float | None]]:
    """kind -> [bias^2, variance], each over |g|^2, at the oracle's parameters."""
    m, r, every = sizes["m"], sizes["r"], np.arange(len(oracle))
    g, norms = to_numpy(oracle.gradient(uniform(every))), to_numpy(oracle.gradient_norms(every))
    full = float(g @ g)
    draws = [oracle.gradient(mini_batch_coreset(oracle, r, m, stream(seed, "draw", oracle.time, p)))
             for p in range(sizes["draws"])]  # fmt: skip
    found = {
        "random m": random_moments(norms, full, m), "random r": random_moments(norms, full, r),
        "all data": coreset_moments(oracle, fresh, g, norms, m), "old": coreset_moments(oracle, old, g, norms, m),
        "mini-batch": drawn_moments(np.stack([to_numpy(draw) for draw in draws]), g),
    }  # fmt: skip
    return {kind: [short(value / full) for value in pair] for kind, pair in found.items()}


def measure(settings: dict, part: str, seed: int) -> dict:
    """The moments at each mark of a training by random batches."""
    setup = setup_of(settings, part, seed, {"method": "random", "dtype": "float64"})
    sizes = {"m": setup.m, "r": 4 * setup.m, "draws": settings["draws"]}
    marks, steps, found, old = {round(setup.steps * mark) for mark in settings["marks"]}, [], [], None
    for moment in walk(setup, parts_of_set(settings, part)):
        if moment.step in marks:
            fresh = one_coreset(moment.oracle, settings["fraction"])
            found.append(moments(moment.oracle, sizes, seed, fresh, old or fresh))
            steps.append(moment.step)
            old = fresh
    return {"step": steps, **{kind: [each[kind] for each in found] for kind in KINDS}}


def conclude(settings: dict, results: dict[str, list[dict]]) -> Verdict:
    """The variance and the bias of a mini-batch coreset against those that it should undercut."""
    rows, verdicts = [], []
    for name, runs in results.items():
        bias, variance = ({kind: np.array([[pair[column] for pair in run[kind]] for run in runs]) for kind in KINDS}
                          for column in (0, 1))  # fmt: skip
        error = {kind: (bias[kind] + variance[kind]).mean(axis=1) for kind in KINDS}
        mean = {kind: variance[kind].mean(axis=1) for kind in KINDS}
        less, closer = mean["random m"] / mean["mini-batch"], (bias["all data"] - bias["mini-batch"]).mean(axis=1)
        gain = error["random m"] / error["mini-batch"]
        verdicts += [judged(less, 1.0), judged(closer), judged(gain, 1.0)]
        rows += [{
            "data": name, "gradient of": KINDS[kind], "bias": interval(np.sqrt(bias[kind].clip(0).mean(axis=1))),
            "variance": interval(mean[kind]), "error": interval(error[kind]), "step": runs[0]["step"],
            "less variance": interval(mean["random m"] / mean[kind]), "gain": interval(error["random m"] / error[kind]),
            "bias over time": _over_time(np.sqrt(bias[kind].clip(0))),
            "variance over time": _over_time(variance[kind]),
        } for kind in KINDS]  # fmt: skip
    columns = {"data": "", "gradient of": "", "bias": ".3f", "variance": ".3g", "error": ".3g",
               "less variance": ".2f", "gain": ".2f"}  # fmt: skip
    return Verdict(rows, columns, together(verdicts), _finding(rows))


def _over_time(values) -> list[float | None]:
    return [short(value) for value in values.mean(axis=0)]


def _finding(rows: list[dict]) -> str:
    mine, of_r, one, old = ([row for row in rows if row["gradient of"] == KINDS[kind]]
                            for kind in ("mini-batch", "random r", "all data", "old"))  # fmt: skip
    return ("A mini-batch coreset has less variance than a random batch of its size, by a factor of "
            f"{across(mine, 'less variance')} (a random batch of r: {across(of_r, 'less variance')}), and a bias of "
            f"{across(mine, 'bias', '.2f', ' |g|')}; one coreset of all the data has a bias of "
            f"{across(one, 'bias', '.2f', ' |g|')}, and of {across(old, 'bias', '.2f', ' |g|')} a mark later; while "
            f"it is fresh its squared error is smaller than a random batch's by a factor of {across(one, 'gain')}, "
            f"that of a mini-batch coreset by {across(mine, 'gain')}.")  # fmt: skip


def draw(document: dict, figure) -> None:
    """A row of panels for each data set: bias and variance, over |g| and |g|^2, along the training."""
    sets = list(dict.fromkeys(row["data"] for row in document["rows"]))
    figure.set_size_inches(10, 0.9 + 3 * len(sets))
    axes = figure.subplots(len(sets), 2, squeeze=False)
    for row in document["rows"]:
        k = list(KINDS.values()).index(row["gradient of"])
        left, right = axes[sets.index(row["data"])]
        for panel, values in ((left, row["bias over time"]), (right, row["variance over time"])):
            panel.plot(row["step"], values, "o-", ms=4, color=COLOURS[k], label=row["gradient of"])
    for name, (left, right) in zip(sets, axes):
        left.set(ylabel=f"{name}\nbias / |g|", xlabel="step")
        right.set(ylabel="variance / |g|\u00b2", xlabel="step")
        logarithmic(right)
        dress(left)
        dress(right)
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False)


_MARKS = [0, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1]
EXPERIMENT = Experiment(
    name="crest-bias-and-variance",
    claim="Mini-batch coresets of random subsets are nearly unbiased and have a smaller variance than random batches "
          "of their size; one coreset of all the data is biased (in our words; the figure prints no numbers).",
    place="CREST, the figure of bias and variance",
    minutes=1,
    scales={
        "quick": {"seeds": 3, "fraction": 0.1, "draws": 8, "marks": [0, 0.5, 1],
                  "sets": {"digits": {"data": "digits", "examples": 400, "hidden": [16], "steps": 20, "m": 16}}},
        "laptop": {"seeds": 5, "fraction": 0.1, "draws": 60, "marks": _MARKS,
                   "sets": {"digits": {"data": "digits", "steps": 450}, "mnist10k": {
                       "data": "mnist10k", "examples": 4000, "model": "mlp", "steps": 320, "m": 64, "lr": 0.05}}},
        "paper": {"seeds": 5, "fraction": 0.1, "draws": 100, "marks": _MARKS, "sets": {"cifar10": {
            "data": "cifar10", "model": "resnet20", "steps": 7820, "lr": 0.1, "weight_decay": 1e-4}}},
    },
    parts=lambda settings: list(settings["sets"]), measure=measure, conclude=conclude, draw=draw,
)  # fmt: skip
