"""Tables and pictures of runs whose numbers are known."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from minicrest.experiments import Setup, plots, tables
from minicrest.figures import save_png
from minicrest.ledger import Bill, Ledger
from minicrest.train import Curve, Run

PNG = b"\x89PNG\r\n\x1a\n"


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


RUNS = {
    "random": [made_up(0.80), made_up(0.84), made_up(0.82)],
    "full": [made_up(0.90, 30_000), made_up(0.92, 30_000), made_up(0.91, 30_000)],
    "crest": [made_up(0.70, check=600), made_up(0.75, check=600), made_up(0.71, check=600)],
}


# ---- the table


def test_estimate_is_the_t_interval():
    values = [1.0, 4.0, 2.5, 3.0]
    mean, half = np.mean(values), tables.estimate(values).half
    low, high = stats.t.interval(0.95, 3, loc=mean, scale=stats.sem(values))
    assert (mean - half, mean + half) == pytest.approx((low, high), rel=1e-12)
    assert math.isnan(tables.estimate([1.0]).half) and f"{tables.estimate([1.0]):.2f}" == "1.00"


def test_rows_are_paired_by_seed():
    random, full, crest = tables.rows(RUNS)
    assert (random.method, random.gain) == ("random", None) and full.relative_error is None
    assert crest.gain.mean == pytest.approx(-10)  # the mean of -10, -9, -11
    assert crest.gain.half == pytest.approx(stats.t.ppf(0.975, 2) / math.sqrt(3))  # s = 1
    assert crest.relative_error.mean == pytest.approx(100 * np.mean([20 / 90, 17 / 92, 20 / 91]))
    assert crest.phases == pytest.approx({"train": 2400, "check": 600}) and crest.cost == 3000
    assert (crest.steps, crest.examples, crest.seconds) == (10, 3, 3.0)
    assert (crest.test_loss.mean, crest.train_loss.mean) == (0.5, pytest.approx(0.7))


def test_the_table_shows_a_loser_losing():
    text = tables.table(tables.rows(RUNS))
    lines = [line.split("  ") for line in text.splitlines()]
    head = text.splitlines()[0].replace("test loss", "test_loss").split("  ")
    assert [h.strip() for h in head if h.strip()] == [
        "method", "accuracy %", "to random", "rel. error %", "test_loss", "train loss", "steps", "bill", "seconds",
    ]  # fmt: skip
    assert [line[0] for line in lines[1:4]] == ["random", "full", "crest"]
    assert "-10.00 +- 2.48" in text.splitlines()[3] and "72.00 +- 6.57" in text.splitlines()[3]
    assert tables.verdict(tables.rows(RUNS)).endswith("above: full; below: crest")


def test_within_the_interval_nobody_wins():
    rows = tables.rows({"random": RUNS["random"], "other": [made_up(0.81), made_up(0.83), made_up(0.82)]})
    assert tables.verdict(rows).endswith("not told apart: other")
    one_seed = tables.rows({name: own[:1] for name, own in RUNS.items()})
    assert tables.verdict(one_seed).endswith("not told apart: full, crest")


def test_the_table_fits_in_120_columns():
    phases = {k: Bill(forward=99_999_900) for k in ("prepare", "select", "model", "train", "check", "score", "other")}
    wide = [replace(made_up(a), steps=123456, ledger=Ledger(phases)) for a in (0.01, 0.99)]
    runs = {"random": wide, "full": wide[::-1], "epsilon-greedy": wide[::-1]}
    text = tables.table(tables.rows(runs))
    assert max(map(len, text.splitlines())) <= 120


def test_without_full_there_is_no_relative_error():
    row = tables.rows({"random": RUNS["random"]})[0]
    assert row.relative_error is None and " - " in tables.table([row])


def test_columns():
    assert tables.columns([["a", "bb"], ["ccc", "d"]]) == "a    bb\nccc   d"
    assert tables.columns([["a", "bb"], ["ccc", "d"]], right=False) == "a    bb\nccc  d"


def test_the_document_is_strict_json():
    runs = {"random": [made_up(0.8)]}
    runs["random"][0].curve.loss[-1] = np.inf  # a training that diverged
    text = json.dumps(tables.document(Setup(), [0], runs), allow_nan=False)
    document = json.loads(text)
    assert document["rows"][0]["accuracy"] == {"mean": 80.0, "half": None}  # one seed
    assert document["runs"][0]["curve"]["loss"] == [2.0, 1.0, None] and document["runs"][0]["seed"] == 0
    assert document["price_per_example"] == {"forward": 1, "backward": 2, "hessian": 4}
    assert document["setup"]["budget"] == 0.1 and "method" not in document["setup"]


# ---- pictures


def test_comparison_picture(tmp_path):
    figure = plots.comparison(RUNS, "made up")
    accuracy, loss = figure.axes
    lines = {line.get_label(): line for line in accuracy.lines}
    assert [label.split(",")[0] for label in lines] == ["random", "crest", "full"]
    assert lines["random"].get_color() == "black" and lines["random"].get_linewidth() > lines["crest"].get_linewidth()
    assert lines["crest"].get_ydata()[-1] == pytest.approx(72) and lines["crest"].get_xdata()[-1] == pytest.approx(3)
    assert "thousand forward passes" in accuracy.get_xlabel() and accuracy.get_xlim()[1] < 4  # full's 30 are not there
    assert (accuracy.get_ylabel(), loss.get_yscale()) == ("test accuracy, %", "log")
    save_png(figure, tmp_path / "a" / "c.png")
    written = (tmp_path / "a" / "c.png").read_bytes()
    assert written.startswith(PNG) and len(written) > 20_000


def test_every_method_has_its_own_line():
    figure = plots.comparison({"random": RUNS["random"], **{f"m{k}": RUNS["crest"] for k in range(15)}})
    styles = [(line.get_color(), line.get_linestyle()) for line in figure.axes[0].lines]
    assert len(set(styles)) == 16


def test_one_seed_has_no_band_but_a_line():
    figure = plots.comparison({"random": [made_up(0.8)]})
    assert np.isfinite(figure.axes[0].lines[0].get_ydata()).all()


def test_picture_of_a_crest_run(tmp_path):
    run = Setup.preset(dict(data="digits", hidden=(8,), steps=30, evaluations=5)).run(progress=False)
    figure = plots.run_picture(run, "crest")
    assert len(figure.axes) == 6
    checks = figure.axes[2]
    shown = sum(len(line.get_xdata()) for line in checks.lines[:2])
    assert shown == len(run.report["check_rho"]) > 0 and checks.lines[2].get_ydata()[0] == 0.05
    save_png(figure, tmp_path / "r.png")
    assert (tmp_path / "r.png").read_bytes().startswith(PNG)


def test_picture_of_another_run():
    figure = plots.run_picture(made_up(0.8))
    assert len(figure.axes) == 2 and figure.axes[0].lines[0].get_ydata()[-1] == pytest.approx(80)
