"""The page of a comparison or a run: complete, escaped, fetching nothing, and readable in a real browser."""

import base64
import json
import os
import re
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from minicrest import cli
from minicrest.cli import commands, parser
from minicrest.experiments import Setup, compare
from minicrest.experiments.both import BothWays
from minicrest.experiments.comparison import Comparison
from minicrest.experiments.repeat import beside_random, command
from minicrest.experiments.report import page, write
from minicrest.experiments.show import comparisons
from minicrest.selection import Random
from tests.unit.experiments.made_up import diverged, made_up

QUICK = ["--data", "digits", "--hidden", "8", "--epochs", "3", "--evaluations", "2"]
VOID = {"meta", "br", "path", "use"}


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """Default output folders are relative: every test has a folder of its own."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Folders of a comparison both ways, and of a single run."""
    folder = tmp_path_factory.mktemp("runs")
    crest = ["--methods", "crest", "--set", "crest.tau=0.2"]
    assert cli.main(["compare", *QUICK, *crest, "--seeds", "2", "--equal", "both", "--out", str(folder / "both")]) == 0
    assert cli.main(["train", *QUICK, "--method", "crest", "--out", str(folder / "one"), "--steps", "40"]) == 0
    return folder


class Checker(HTMLParser):
    """Collects the text and the attributes of a page, and checks that every element is closed."""

    def __init__(self, text):
        super().__init__()
        self.open, self.text, self.attributes, self.tags = [], [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += attributes
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += attributes

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def made(**more):
    runs = {name: [made_up(accuracy + 0.01 * seed) for seed in range(3)] for name, accuracy in
            (("random", 0.8), ("shuffle", 0.82), ("full", 0.9), ("crest", 0.7))}  # fmt: skip
    return Comparison(Setup(method="random", **more), [0, 1, 2], runs)


# ---- what is on it


def test_a_comparison_both_ways_is_complete(runs):
    path = write(runs / "both")
    text = path.read_text()
    found, (shown,) = Checker(text), comparisons([runs / "both"])
    words = " ".join(" ".join(found.text).split())
    assert path == runs / "both" / "report.html" and shown.heading() in words
    for part in ("Results at equal steps", "Results at equal bill", "What the bill was spent on", "Settings",
                 "Versions", shown.bill.verdict(), "minicrest compare --methods crest --seeds 2", "--set crest.tau=0.2",
                 "--equal both", "tau 0.2"):  # fmt: skip
        assert part in words, part
    for row in (*shown.steps.rows, *shown.bill.rows):
        assert f"{row.accuracy:.2f}" in words
    assert found.tags.count("svg") == 3  # one for a screen, two for a phone
    link = next(value for name, value in found.attributes if name == "href" and value.startswith("data:"))
    assert base64.b64decode(link.partition(",")[2]).decode().splitlines()[1].startswith('"random, equal steps"')


def test_a_run_is_complete(runs):
    assert cli.main(["report", str(runs / "one"), "--out", "one.html"]) == 0
    found = Checker(Path("one.html").read_text())
    words = " ".join(" ".join(found.text).split())
    assert "crest on digits, mlp, seed 0" in words and "regions" in words and found.tags.count("svg") == 1
    options = "--data digits --epochs 3 --evaluations 2 --hidden 8 --steps 40"
    assert f"minicrest train --method crest --seed 0 {options}" in words


def test_the_page_fetches_nothing_and_runs_nothing(runs):
    text = write(runs / "both").read_text()
    found = Checker(text)
    assert not re.search(r"https?:|//[a-z]|@import|url\((?!#)", text)
    assert not {"script", "img", "link", "iframe", "object", "embed", "base"} & set(found.tags)
    assert not [name for name, _ in found.attributes if name.startswith("on") or name == "src"]
    targets = [value for name, value in found.attributes if name.endswith("href")]
    assert targets and all(value.startswith(("#", "data:text/csv")) for value in targets)
    ids = [value for name, value in found.attributes if name == "id"]
    inside = {value[1:] for value in targets if value.startswith("#")} | set(re.findall(r"url\(#([^)]*)\)", text))
    assert len(ids) == len(set(ids)) and inside <= set(ids)


def test_light_dark_and_phone_are_provided_for(runs):
    text = write(runs / "both").read_text()
    assert "@media (prefers-color-scheme: dark)" in text and 'name="viewport" content="width=device-width' in text
    pictures = "".join(re.findall(r"<svg.*?</svg>", text, re.DOTALL))
    assert "var(--ink)" in pictures and not re.search("#000000|#ffffff", pictures)  # the page decides what is black


def test_everything_is_escaped():
    label = "<script>alert(1)</script>&\"'"
    comparison = made(data="a<b>&.csv")
    comparison.runs[label] = comparison.runs.pop("crest")
    comparison = replace(comparison, notes=["<i>"])
    text = page([comparison, BothWays(comparison, comparison)])
    words = "".join(Checker(text).text)
    assert not re.search("<script|<b>|<i>", text) and label in words and "<i>" in words


def test_text_that_no_file_can_hold_is_written_as_an_escape(tmp_path):
    comparison = made(data="a\udcff.csv")
    assert "a\\udcff" in page([comparison]) and page([comparison]).encode()


def test_a_run_that_diverged_and_one_without_classes_have_a_page():
    comparison = made()
    comparison.runs["crest"][1] = diverged(comparison.runs["crest"][1], 7)
    assert "diverged at step 7" in "".join(Checker(page([comparison])).text)
    regression = {name: [replace(run, curve=replace(run.curve, accuracy=np.full(len(run.curve.step), np.nan)))
                         for run in group] for name, group in made().runs.items()}  # fmt: skip
    assert "test loss" in "".join(Checker(page([replace(made(), runs=regression)])).text)


def test_the_same_runs_make_the_same_page(runs):
    assert write(runs / "both", "a.html").read_bytes() == write(runs / "both", "b.html").read_bytes()


def test_what_has_no_page(capsys):
    Path("empty").mkdir()
    assert cli.main(["report", "empty"]) == 2
    assert "no finished run in empty" in capsys.readouterr().err and not list(Path("empty").iterdir())


def test_a_csv_lies_beside_the_json(runs):
    lines = (runs / "both" / "compare.csv").read_text().splitlines()
    document = json.loads((runs / "both" / "compare.json").read_text())
    assert len(lines) == 1 + 2 * len(document["bill"]["rows"]) == 9


# ---- how to repeat it


@pytest.mark.parametrize("told", [
    ["--methods", "crest", "milo", "--no-full", "--seeds", "1", "--set", "crest.tau=0.2", "milo.normalize=true",
     "T2=none"],
    ["--methods", "random", "--seeds", "2", "--equal", "steps", "--lr", "0.3", "--weight-decay", "0.001", "--optimizer",
     "adamw", "--transform", "label-noise=0.1", "imbalance=4"],
    ["--methods", "glister", "--no-full", "--seeds", "1", "--hidden", "--momentum", "0.5", "--dtype", "float64"],
])  # fmt: skip
def test_the_command_repeats_the_same_runs(told, capsys):
    """Into the same folders, which it would not find if a setting were another."""
    line = ["compare", "--data", "digits", "--epochs", "2", "--evaluations", "2", *told]
    assert cli.main([*line, "--out", "a"]) == 0
    (shown,) = comparisons(["a"])
    words = command(shown).split()
    assert words[0] == "minicrest"
    capsys.readouterr()
    assert cli.main([*words[1:], "--out", "a"]) == 0
    count = sum(map(len, shown.runs.values()))
    assert f"{count} of {count} runs were in a already" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize("told, words", [
    (["--method", "crest", "--set", "tau=0.2", "--lr", "0.05"], "--lr 0.05 --methods crest --set crest.tau=0.2"),
    (["--method", "random", "--hidden"], "--hidden"),
    (["--method", "thinning", "--seed", "3", "--equal", "steps", "--optimizer", "adamw"],
     "--equal steps --optimizer adamw --methods thinning"),
])  # fmt: skip
def test_a_training_is_compared_with_random_as_it_was_made(told, words, capsys):
    """Where the two commands train with the same seed, the comparison finds the run that the training left."""
    told = ["train", "--data", "digits", "--epochs", "2", *told]
    setup = commands._setup(parser().parse_args(told), method=told[told.index("--method") + 1])
    setup = replace(setup, hyper=commands._hyper(parser().parse_args(told), [setup.method])[setup.method], seed=0)
    line = beside_random(setup)
    assert line == f"minicrest compare --data digits --epochs 2 {words}"
    assert cli.main([*line.split()[1:], "--seeds", "1", "--no-full", "--out", "a"]) == 0
    runs = [run for shown in comparisons(["a"]) for group in shown.runs.values() for run in group]
    assert setup in [Setup.from_json(run.settings["notes"]["setup"]) for run in runs]


def test_what_only_python_can_repeat_has_no_command():
    settings = dict(hidden=(8,), epochs=2, evaluations=2)
    for more in (dict(seeds=[3, 5]), dict(seeds=1, methods=[Random(m=7), Random(m=9)])):
        told = dict(methods=["random"], settings=settings, progress=False) | more
        shown = compare(**told, out=str(len(more)))
        assert command(shown) == "" and "call minicrest.compare again" in page([shown])
    assert command(made()) == ""  # made-up runs carry no settings


# ---- in a browser

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
browser = pytest.mark.skipif(BROWSER is None, reason="needs Chromium: apt-get install chromium")


def photograph(page_path, width, height=1600, dark=False):
    """The pixels (h, w, 3) of a page in an iframe of so many pixels; a window alone is at least 500 wide."""
    image = pytest.importorskip("PIL.Image", reason="needs Pillow, which comes with Matplotlib and no extra")
    frame = f'<iframe src="{page_path.resolve().as_uri()}" width="{width}" height="{height}" style="border:0"></iframe>'
    Path("frame.html").write_text(f'<body style="margin:0">{frame}')
    scheme = ["--blink-settings=preferredColorScheme=0"] if dark else []
    subprocess.run([BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", *scheme,
                    "--user-data-dir=profile", f"--window-size={max(width, 500)},{height}", "--screenshot=shot.png",
                    Path("frame.html").resolve().as_uri()], check=True, capture_output=True, timeout=120,
                   env={**os.environ, "HOME": os.getcwd()})  # fmt: skip
    with image.open("shot.png") as picture:
        return np.asarray(picture.convert("RGB"))[:, :width].astype(int)


@browser
def test_a_browser_shows_it_light_dark_and_on_a_phone(runs):
    """Ink on paper, as the reader's scheme has them; on a phone the text fits, and its picture is the tall one."""
    path = write(runs / "both")
    light, dark, phone = photograph(path, 1000), photograph(path, 1000, dark=True), photograph(path, 390)
    assert (light[2, 2] == 255).all() and dark[2, 2].max() < 40
    for shot, paper in ((light, 255), (dark, dark[2, 2].mean())):
        assert (abs(shot.mean(axis=2) - paper) > 100).mean() > 0.01  # text and lines can be seen
        assert len(np.unique(shot.reshape(-1, 3), axis=0)) > 200  # and so can the pictures
    assert (phone[:, -8:] == 255).all()  # nothing runs over the right edge
