"""The papers' settings: legal, listed, and overruled by what is given."""

import pytest

from minicrest import cli
from minicrest.cli import commands, parser
from minicrest.experiments.presets import PAPER_HYPER, PAPERS, paper_fields, with_papers
from minicrest.experiments.setup import Setup


@pytest.mark.parametrize("data", PAPERS)
def test_every_setting_is_legal(data):
    assert set(PAPERS) == set(PAPER_HYPER)
    for method, hyper in PAPER_HYPER[data].items():
        setup = Setup.preset({"data": data, "method": method, "hyper": tuple(hyper.items())} | paper_fields(data))
        assert setup.build_method().m == setup.m


def test_crest_on_cifar10_makes_a_tenth_of_the_steps_of_200_epochs():
    arguments = parser().parse_args(["train", "--preset", "paper", "--data", "cifar10"])
    setup = commands._setup(arguments, method="crest")
    assert (setup.model, setup.lr, setup.momentum, setup.equal) == ("resnet20", 0.1, 0.9, "steps")
    assert setup.allowance(50_000) == (round(0.1 * 200 * 391), None) == (7820, None)
    hyper = dict(commands._hyper(arguments, ["crest"])["crest"])
    assert (hyper["r"], hyper["tau"], hyper["h"], hyper["b"], hyper["alpha"], hyper["T2"]) == (500, 0.05, 1, 5, 0.1, 20)


@pytest.mark.parametrize("data, n, share, tau, h", [
    ("cifar10", 50_000, 0.01, 0.05, 1), ("cifar100", 50_000, 0.01, 0.01, 10),
    ("tinyimagenet", 100_000, 0.01, 0.005, 1), ("snli", 549_367, 0.005, 0.05, 4),
])  # fmt: skip
def test_crest_takes_what_the_papers_table_prints(data, n, share, tau, h):
    crest = PAPER_HYPER[data]["crest"]
    assert crest["r"] == int(share * n) and (crest["tau"], crest["h"]) == (tau, h)
    assert (crest["b"], crest["alpha"], crest["T2"]) == (5, 0.1, 20)


def test_what_is_given_overrules_the_papers():
    given = ["train", "--preset", "paper", "--data", "cifar10", "--lr", "0.2", "--set", "tau=0.3"]
    arguments = parser().parse_args(given)
    assert commands._setup(arguments, method="crest").lr == 0.2
    assert dict(commands._hyper(arguments, ["crest"])["crest"])["tau"] == 0.3
    assert with_papers({"milo": (("R", 2),), "craig": ()}, "mnist") == {
        "milo": (("R", 2),), "craig": (("fraction", 0.5), ("R", 1))}  # fmt: skip


def test_data_that_no_paper_has_is_refused_and_without_the_option_nothing_changes(capsys):
    assert cli.main(["train", "--preset", "paper", "--data", "digits"]) == 2
    known = "cifar10, cifar100, tinyimagenet, snli, mnist"
    assert f"--preset paper must be one of {known}, got 'digits'" in capsys.readouterr().err
    arguments = parser().parse_args(["train", "--data", "cifar10"])
    assert commands._setup(arguments, method="crest") == Setup.preset({"data": "cifar10"})
    assert commands._hyper(arguments, ["crest"]) == {"crest": ()}


def test_methods_lists_them(capsys):
    assert cli.main(["methods"]) == 0
    shown = capsys.readouterr().out
    assert "preset  --preset paper --data cifar10: r=500, tau=0.05" in shown and "cifar10: model='resnet20'" in shown
