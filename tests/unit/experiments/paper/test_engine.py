"""The engine of the papers' claims: what it measures, keeps, takes up again, judges and prints."""

import json
import os
import signal
import struct
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from minicrest.experiments.paper.engine import (
    FAILS,
    HOLDS,
    SCALES,
    UNTOLD,
    Choice,
    Experiment,
    Verdict,
    interval,
    judged,
    run,
    text,
    text_of,
    together,
)

MADE = []  # (part, seed) of every measurement


def measure(settings, part, seed):
    MADE.append((part, seed))
    return {"score": seed + settings["lead"] * (part == "ours/a") + 0.1 * (seed == 1)}


def conclude(settings, results):
    ahead = np.subtract(*([r["score"] for r in results[part]] for part in ("ours/a", "theirs")))
    rows = [{"what": "ahead", "points": interval(ahead), "more": None}]
    return Verdict(rows, {"what": "", "points": "+.2f", "more": ".1f"}, judged(ahead), f"{rows[0]['points']['mean']}.")


def draw(document, figure):
    figure.subplots().plot([row["points"]["mean"] for row in document["rows"]])


def planted(seeds=3, lead=1, **fields):
    scales = {scale: {"seeds": seeds, "lead": lead} for scale in SCALES}
    return Experiment("planted", "Ours is ahead", "Nowhere, Table 0", 1, scales, lambda settings: ["ours/a", "theirs"],
                      measure, conclude, draw, **fields)  # fmt: skip


@pytest.fixture(autouse=True)
def nothing_made():
    MADE.clear()


# ---- the rule


@pytest.mark.parametrize(
    "differences, least, verdict",
    [
        ([1.0, 1.1, 0.9], 0.0, HOLDS), ([-1.0, -1.1, -0.9], 0.0, FAILS), ([1.0, -1.1, 0.9], 0.0, UNTOLD),
        ([1.0, 1.1, 0.9], 0.7, HOLDS),  # the interval is 1 +- 4.303 * 0.1 / sqrt(3) = 1 +- 0.248
        ([1.0, 1.1, 0.9], 0.8, UNTOLD), ([1.0, 1.1, 0.9], 1.2, UNTOLD), ([1.0, 1.1, 0.9], 1.3, FAILS),
        ([1.0, 1.0], 0.0, UNTOLD), ([1.0], 0.0, UNTOLD), ([1.0, 1.0, 1.0], 0.0, HOLDS), ([0.0, 0.0, 0.0], 0.0, UNTOLD),
        ([np.nan, 1.0, 1.0], 0.0, UNTOLD),
    ],
)  # fmt: skip
def test_a_verdict_is_where_the_interval_of_the_differences_lies(differences, least, verdict):
    assert judged(differences, least) == verdict


def test_a_claim_about_several_things():
    assert together([HOLDS, HOLDS]) == HOLDS and together(iter([HOLDS, FAILS, UNTOLD])) == FAILS
    assert together([HOLDS, UNTOLD]) == UNTOLD and together([]) == UNTOLD


def test_an_interval_is_plain_and_has_no_width_for_one_seed():
    assert interval([1.0, 1.1, 0.9]) == {"mean": pytest.approx(1.0), "half": pytest.approx(4.302653 * 0.1 / 3**0.5)}
    assert interval([2.0]) == {"mean": 2.0, "half": None}
    assert [text_of(interval(x), "+.1f") for x in ([2.0], [2.0, 2.0], [np.nan])] == ["+2.0", "+2.0 +- 0.0", "-"]


# ---- measuring and keeping


@pytest.mark.parametrize("lead, verdict", [(1, HOLDS), (-1, FAILS), (0, UNTOLD)])
def test_a_planted_lead_is_told(tmp_path, lead, verdict):
    document = run(planted(lead=lead), "quick", tmp_path)
    assert document["verdict"] == verdict and document["rows"][0]["points"]["mean"] == pytest.approx(lead)
    assert f"The claim, at this size: {verdict}." in text(document)


def test_the_document_says_all_that_a_reader_needs(tmp_path):
    document = run(planted(), "laptop", tmp_path, data_dir="somewhere")
    assert document == json.loads((tmp_path / "planted-laptop.json").read_text())
    assert document["settings"] == {"seeds": 3, "lead": 1, "device": "cpu"}  # folders may move
    assert document["command"] == "minicrest paper planted" and document["place"] == "Nowhere, Table 0"
    assert set(document["versions"]) == {"minicrest", "numpy"} and document["seconds"] >= 0
    shown = text(document)
    assert "Ours is ahead" in shown and "+1.00 +- 0.00" in shown and "planted: Nowhere, Table 0" in shown


def test_the_picture_is_drawn_from_the_document_with_150_dots_an_inch(tmp_path):
    run(planted(), "quick", tmp_path)
    png = (tmp_path / "planted-quick.png").read_bytes()
    at = png.index(b"pHYs") + 4
    per_metre, unit = struct.unpack(">I4xB", png[at : at + 9])
    assert unit == 1 and per_metre * 0.0254 == pytest.approx(150, abs=0.1)


def test_what_is_measured_already_is_not_measured_again(tmp_path):
    first = run(planted(), "quick", tmp_path)
    assert sorted(MADE) == [(part, seed) for part in ("ours/a", "theirs") for seed in range(3)]
    kept = tmp_path / "planted-quick" / "ours" / "a-1.json"
    assert json.loads(kept.read_text())["result"] == {"score": 2.1}
    MADE.clear()
    assert run(planted(), "quick", tmp_path) == first and MADE == []
    kept.unlink()
    assert run(planted(seeds=4), "quick", tmp_path)["settings"]["seeds"] == 4  # more seeds keep the earlier ones
    assert sorted(MADE) == [("ours/a", 1), ("ours/a", 3), ("theirs", 3)]


def test_a_measurement_of_other_settings_is_never_used(tmp_path):
    run(planted(lead=1), "quick", tmp_path)
    assert run(planted(lead=-1), "quick", tmp_path)["verdict"] == FAILS
    assert len(MADE) == 12


def test_a_damaged_measurement_is_made_again(tmp_path):
    first = run(planted(), "quick", tmp_path)
    (tmp_path / "planted-quick" / "theirs-0.json").write_text('{"identity": {"exper')
    MADE.clear()
    assert run(planted(), "quick", tmp_path)["rows"] == first["rows"] and MADE == [("theirs", 0)]


def test_experiments_share_the_measurements_that_are_the_same(tmp_path):
    def same(settings, part, seed):
        return {"part": part, "seed": seed, "lead": settings["lead"]}

    one = planted(same=same)
    first = run(one, "quick", tmp_path)
    assert len(MADE) == 6 and run(replace(one, name="another"), "quick", tmp_path)["rows"] == first["rows"]
    assert len(MADE) == 6
    run(planted(lead=2, same=same), "quick", tmp_path)
    assert len(MADE) == 12


def test_what_trials_speak_for_is_measured_and_the_document_has_the_settings_as_they_were(tmp_path):
    def chosen(settings, results):
        assert [len(results[part]) for part in ("ours/a", "theirs")] == [2, 2]
        return settings | {"lead": settings["lead"] - 3 * results["theirs"][1]["score"]}  # whose score is 1.1

    experiment = planted(
        choice=Choice(lambda settings: settings | {"seeds": 2, "lead": 9}, chosen),
        same=lambda settings, part, seed: {"part": part, "seed": seed, "lead": settings["lead"]},
    )
    document = run(experiment, "quick", tmp_path)
    assert document["rows"][0]["points"]["mean"] == pytest.approx(1 - 3.3) and document["verdict"] == FAILS
    assert document["settings"] == {"seeds": 3, "lead": 1, "device": "cpu"}
    trials = [(part, seed) for part in ("ours/a", "theirs") for seed in range(2)]
    assert MADE[:4] == trials and len(MADE) == 10
    kept = [json.loads(path.read_text()) for path in (tmp_path / "shared").glob("*.json")]
    assert len(kept) == 10 and run(experiment, "quick", tmp_path) == document and len(MADE) == 10
    for path, measurement in zip((tmp_path / "shared").glob("*.json"), kept):
        path.write_text(json.dumps(measurement | {"seconds": 60.0}))
    assert run(experiment, "quick", tmp_path)["seconds"] == 600  # those of the trials, too


def test_two_processes_find_what_one_does(tmp_path):
    def timeless(document):
        return {name: value for name, value in document.items() if name != "seconds"}

    one, two = (run(planted(), "quick", tmp_path / str(jobs), jobs) for jobs in (1, 2))
    assert timeless(one) == timeless(two)


def test_what_json_cannot_hold_is_refused(tmp_path):
    nan = replace(planted(), measure=lambda settings, part, seed: {"score": float("nan")})
    with pytest.raises(ValueError, match="not JSON compliant"):
        run(nan, "quick", tmp_path)
    assert not list(tmp_path.rglob("*.json"))


def test_arguments_that_make_no_sense(tmp_path):
    with pytest.raises(ValueError, match="scale must be one of quick, laptop, paper, got 'huge'"):
        run(planted(), "huge", tmp_path)
    with pytest.raises(ValueError, match="jobs must be at least 1"):
        run(planted(), "quick", tmp_path, jobs=0)
    with pytest.raises(ValueError, match="scales of planted must have settings for quick, laptop, paper"):
        replace(planted(), scales={"quick": {"seeds": 3}})
    perhaps = replace(planted(), conclude=lambda settings, results: Verdict([], {}, "perhaps", ""))
    with pytest.raises(ValueError, match="verdict must be one of"):
        run(perhaps, "quick", tmp_path)


# ---- processes that die


def test_a_process_that_dies_costs_one_measurement(tmp_path, capfd):
    experiment = replace(planted(), measure=partial(mortal, str(tmp_path / "grave")))
    two = run(experiment, out=tmp_path / "two", jobs=2, progress=False)
    assert (tmp_path / "grave").exists() and two["verdict"] == HOLDS
    assert "the process of planted, theirs, seed 1 died; it is started again" in capfd.readouterr().err
    assert {**two, "seconds": 0} == {**run(experiment, out=tmp_path / "one", progress=False), "seconds": 0}


@pytest.mark.filterwarnings("ignore")  # Dask's own, on its way up and down
def test_a_cluster_of_which_a_worker_dies_measures_the_same(tmp_path, monkeypatch):
    distributed = pytest.importorskip("distributed", reason="needs Dask, which the dask extra brings")
    experiment = replace(planted(), measure=partial(mortal, str(tmp_path / "grave")))
    (tmp_path / "grave").touch()
    alone = run(experiment, out=tmp_path / "alone", progress=False)
    (tmp_path / "grave").unlink()
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as made:
        away = run(experiment, out=tmp_path / "away", progress=False, scheduler=made.scheduler_address)
    assert (tmp_path / "grave").exists() and MADE == [(part, k) for part in ("ours/a", "theirs") for k in range(3)]
    assert {**away, "seconds": 0} == {**alone, "seconds": 0}
    kept = [[json.loads(path.read_text())["result"] for path in sorted((tmp_path / out).rglob("*-?.json"))]
            for out in ("away", "alone")]  # fmt: skip
    assert kept[0] == kept[1] and len(kept[0]) == 6
    with pytest.raises(ValueError, match="give one"):
        run(experiment, out=tmp_path, jobs=2, scheduler="tcp://127.0.0.1:9")


def mortal(grave, settings, part, seed):
    """As `measure`; the first process that measures this part dies with it."""
    if (part, seed) == ("theirs", 1) and not Path(grave).exists():
        Path(grave).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return measure(settings, part, seed)
