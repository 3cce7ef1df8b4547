"""Pictures of runs whose numbers are known."""

import numpy as np
import pytest

from minicrest.datasets import load
from minicrest.experiments import compare, method_plots, plots
from minicrest.experiments.figures import blank, logarithmic, save_picture, save_png
from minicrest.nn import mlp
from minicrest.optim import SGD
from minicrest.oracle import Oracle
from minicrest.selection import EL2N, METHODS
from minicrest.train import train
from tests.unit.experiments.made_up import (
    RUNS,
    changed,
    diverged,
    made_up,
    of_preparation_alone,
    several,
    with_settings,
    without_classes,
)

PNG = b"\x89PNG\r\n\x1a\n"


def trained(method, steps):
    """A Run on digits."""
    data, network = load("digits"), mlp((64, 8, 10))
    return train(METHODS[method](m=32), Oracle(network, data, network.initialize(0)), SGD(0.1), steps, progress=False)


def lines_of(axes):
    """The lines by label, those without one left out."""
    return {line.get_label(): line for line in axes.lines if not line.get_label().startswith("_")}


# ---- a comparison


def test_comparison_picture(tmp_path):
    figure = plots.comparison(RUNS, "made up")
    accuracy, loss = figure.axes
    lines = lines_of(accuracy)
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


@pytest.mark.parametrize(("methods", "bands"), [(5, 6), (6, 0)])  # random is one more
def test_as_many_bands_as_can_be_told_apart(methods, bands):
    figure = plots.comparison({"random": RUNS["random"], **{f"m{k}": RUNS["crest"] for k in range(methods)}})
    assert len(figure.axes[0].collections) == bands


def test_an_interval_of_accuracies_ends_at_0_and_100():
    """0.1, 0.9 and 0.5 have the interval 50 +- 99; 0.99, 1 and 0.8 reach above 100 alone."""
    figure = plots.comparison({"random": several(0.1, 0.9, 0.5), "other": several(0.99, 1.0, 0.8)})
    drawn = [band.get_paths()[0].vertices[:, 1] for band in figure.axes[0].collections]
    assert (drawn[0].min(), drawn[0].max()) == (0, 100) and drawn[1].max() == 100
    low, high = figure.axes[0].get_ylim()
    assert -2 < low and high < 102


def test_one_seed_has_no_band_but_a_line():
    figure = plots.comparison({"random": [made_up(0.8)]})
    assert np.isfinite(figure.axes[0].lines[0].get_ydata()).all()


@pytest.mark.parametrize("limit", [3000, None])
def test_a_preparation_beyond_the_budget_does_not_set_the_axis(limit):
    """As forgetting's, of 776,400 where 3,000 are allowed or, without a limit, where the others spend 3,000."""
    runs = {"random": [made_up(0.8)], "crest": [made_up(0.7, check=600)], "forgetting": [of_preparation_alone(776_400)]}
    runs = {name: [with_settings(run, max_bill=limit) for run in group] for name, group in runs.items()}
    figure = plots.comparison(runs)
    assert figure.axes[0].get_xlim() == pytest.approx((0, 3.06))
    assert list(lines_of(figure.axes[0]))[-1] == "forgetting (no step, beyond the axis)"


def test_a_run_that_ended_in_its_preparation_is_a_dot():
    figure = plots.comparison({"random": [made_up(0.8)], "grand": [of_preparation_alone(3000)]})
    line = lines_of(figure.axes[0])["grand (no step)"]
    assert line.get_marker() == "o" and set(line.get_xdata()) == {3.0} and set(line.get_ydata()) == {10.0}


def test_without_limits_a_dear_selection_sets_the_axis():
    """At equal steps CREST pays ten times random's bill, a step at a time: all of it is shown."""
    figure = plots.comparison({"random": [made_up(0.8)], "crest": [made_up(0.8, cost=30_000, check=600)]})
    assert figure.axes[0].get_xlim()[1] > 30


def test_an_x_where_a_run_diverged():
    runs = {"random": several(0.8, 0.84, 0.82), "bad": several(0.7, 0.7, 0.8)}
    runs["bad"][1] = diverged(runs["bad"][1], 7)
    _, loss = plots.comparison(runs).axes
    (cross,) = [line for line in loss.lines if line.get_marker() == "x"]
    assert (cross.get_xdata().tolist(), cross.get_ydata().tolist()) == ([1.5], [1.0])  # the last that was finite
    assert "bad (diverged at x)" in lines_of(loss)


def test_a_comparison_in_which_all_diverged_is_drawn(tmp_path):
    runs = {name: [diverged(changed(run, {"loss": np.full(3, np.inf)}), 1) for run in RUNS[name]] for name in RUNS}
    save_png(plots.comparison(runs), tmp_path / "all.png")
    save_png(plots.run_picture(runs["crest"][0]), tmp_path / "one.png")
    assert (tmp_path / "all.png").exists() and (tmp_path / "one.png").exists()


def test_bands_and_bursts_do_not_set_the_axis_of_losses():
    """A loss that multiplied by a million leaves room for the others; a band that reaches 0 does not matter."""
    runs = {"random": several(0.8, 0.84, 0.82), "other": several(0.7, 0.7, 0.8)}
    runs["random"][0] = changed(runs["random"][0], {"loss": np.array([2.0, 0.1, 0.5])})
    runs["other"] = [changed(run, {"loss": np.array([2.0, 2e6, 0.5])}) for run in runs["other"]]
    assert plots.comparison(runs).axes[1].get_ylim() == pytest.approx((0.5 / 1.3, 20))
    runs["random"] = [changed(run, {"loss": np.array([2.0, 300.0, 0.5])}) for run in runs["random"]]
    assert plots.comparison(runs).axes[1].get_ylim() == pytest.approx((0.5 / 1.3, 3000), rel=0.01)  # all of them burst


def test_without_classes_there_is_one_panel_of_losses():
    runs = {name: [without_classes(run, 0.5) for run in group] for name, group in RUNS.items()}
    (loss,) = plots.comparison(runs).axes
    assert loss.get_yscale() == "log" and lines_of(loss)["crest"].get_ydata()[-1] == pytest.approx(0.5)
    bill, losses = plots.run_picture(runs["crest"][0]).axes
    assert bill.get_title() == "where the bill went" and losses.get_title() == "loss"


def test_dollar_signs_are_no_mathematics(tmp_path):
    """What stands between two of them would be read as a formula, and most is none."""
    name = "sales_$k_^$"
    runs = {"random": RUNS["random"], name: RUNS["crest"]}
    figure = plots.comparison(runs, name)
    assert figure.get_suptitle() == name and figure.legends[0].get_texts()[1].get_text() == name
    save_png(figure, tmp_path / "comparison.png")
    run = changed(RUNS["crest"][0], {"accuracy": np.full(3, np.nan)})
    run.ledger.phases[name] = run.ledger.phases["check"]
    save_png(plots.run_picture(run, name), tmp_path / "run.png")
    del run.ledger.phases[name]
    assert (tmp_path / "run.png").read_bytes().startswith(PNG)


def test_runs_without_a_partner_are_refused():
    with pytest.raises(ValueError, match="every method needs a run of each seed"):
        plots.comparison({"random": several(0.8, 0.84), "other": several(0.8)})


def test_a_run_stopped_in_its_preparation_is_refused():
    polls = iter(range(10**6))  # random and shuffle poll before each of their 4 steps, and EL2N takes thousands
    stopped = compare([EL2N(runs=1)], data="blobs", seeds=1, stop=lambda: next(polls) >= 10, progress=False,
                      settings=dict(steps=4))  # fmt: skip
    assert not stopped.complete
    for show in (stopped.text, stopped.document, stopped.figure, lambda: stopped.rows):
        with pytest.raises(ValueError, match="el2n was stopped before its first evaluation with seed 0; train what is"):
            show()


# ---- a run


def test_picture_of_a_crest_run(tmp_path):
    run = trained("crest", 30)
    figure = plots.run_picture(run, "crest")
    assert len(figure.axes) == 6 and plots.pictures(run) == {}
    checks = figure.axes[2]
    shown = sum(len(line.get_xdata()) for line in checks.lines[:2])
    assert shown == len(run.report["check_rho"]) > 0 and checks.lines[2].get_ydata()[0] == 0.05
    save_png(figure, tmp_path / "r.png")
    assert (tmp_path / "r.png").read_bytes().startswith(PNG)


def test_picture_of_another_run():
    figure = plots.run_picture(made_up(0.8))
    assert len(figure.axes) == 2 and figure.axes[0].lines[0].get_ydata()[-1] == pytest.approx(80)
    assert plots.run_picture(diverged(made_up(0.8), 7)).axes[0].get_title() == "diverged at step 7"


def test_pictures_of_dynamic_pruning():
    run = trained("random-dynamic", 60)
    (census,) = plots.pictures(run, "census").values()
    assert "3 checkpoints" not in census.axes[0].get_xlabel() or len(run.report["checkpoint_step"]) == 3
    assert sum(patch.get_data().values.sum() for patch in census.axes[0].patches) == len(run.uses)


@pytest.mark.parametrize(
    ("kept", "checkpoints", "cuts", "sizes"),
    [
        ([0, 0, 1, 2, 3, 4], 4, [1 / 5, 4 / 5], [2, 3, 1]),  # bars of the counts 0 to 4, a fifth of the axis each
        ([0, 1, 1], 1, [1 / 2], [1, 2]),  # nobody can be kept sometimes
        ([0, 1, 2, 39, 40], 40, [3 / 41, 38 / 41], [3, 2]),  # never: at most 2 of 40; always: at least 38
    ],
)
def test_no_bar_of_the_census_is_cut_or_below_0(kept, checkpoints, cuts, sizes):
    axes = plots.census_picture(np.array(kept), checkpoints).axes[0]
    assert [line.get_xdata()[0] for line in axes.lines] == pytest.approx(cuts)
    parts = [patch.get_data() for patch in axes.patches]
    assert parts[0].edges[0] == 0 and parts[-1].edges[-1] == 1
    assert [part.edges[0] for part in parts[1:]] == pytest.approx(cuts)  # a cut is where a part begins
    assert [part.values.sum() for part in parts if part.values.sum()] == sizes
    assert all(len(part.values) == len(part.edges) - 1 for part in parts)


def test_every_row_of_panels_says_what_it_needs():
    run = made_up(0.8, check_rho=np.zeros(2))  # a method of one's own that reports a part of what CREST does
    assert method_plots.panels(run) == [] and len(plots.run_picture(run).axes) == 2


# ---- figures


@pytest.mark.parametrize("values", [[0.3], [0.52, 0.58], [0.21, 0.45], [0.01, 300.0]])
def test_a_logarithmic_axis_has_two_labels_at_least(values):
    axes = blank(4, 3).subplots()
    axes.plot(values, "o")
    logarithmic(axes)
    (low, high), axis = axes.get_ylim(), axes.yaxis
    named = [(at, axis.get_major_formatter()(at)) for at in axis.get_majorticklocs()]
    named += [(at, axis.get_minor_formatter()(at)) for at in axis.get_minorticklocs()]
    labels = [label for at, label in named if label and low <= at <= high]
    assert len(labels) >= 2 and low < min(values) and max(values) < high


@pytest.mark.parametrize("values", [[], [0.0, -1.0], [np.nan]])
def test_a_logarithm_of_nothing_is_not_tried(values):
    axes = blank(4, 3).subplots()
    axes.plot(values)
    logarithmic(axes)
    assert axes.get_yscale() == "linear"


@pytest.mark.parametrize(("name", "start"), [("a.png", PNG), ("a.svg", b"<?xml"), ("A.PDF", b"%PDF"), ("a", PNG)])
def test_the_name_says_which_kind_of_picture(tmp_path, name, start):
    figure = blank(2, 2, "a $ and another $")
    save_picture(figure, tmp_path / name)
    assert (tmp_path / name).read_bytes().startswith(start)


def test_a_png_has_at_least_110_dots_an_inch(tmp_path):
    save_png(blank(2, 3), tmp_path / "a.png")
    width, height = np.frombuffer((tmp_path / "a.png").read_bytes()[16:24], ">u4")
    assert (width, height) == (300, 450)
