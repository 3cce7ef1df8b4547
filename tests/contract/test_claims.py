"""The claims that are shown are those that were measured: documents, pictures and README's table belong together."""

import json
import re

from minicrest.experiments.paper import EXPERIMENTS
from minicrest.experiments.paper.table import claims_table, documents
from tests.contract.test_architecture import ROOT

KEPT, README = ROOT / "tutorials" / "paper", ROOT / "README.md"


def test_every_document_has_its_picture_its_experiment_and_its_settings():
    paths = sorted([*KEPT.glob("*-laptop.json"), *KEPT.glob("*-paper.json")])
    assert paths and len(documents(KEPT)) == len(paths)
    for path in paths:
        name, _, scale = path.stem.rpartition("-")
        document, experiment = json.loads(path.read_text()), EXPERIMENTS[name]
        assert path.with_suffix(".png").exists() and path.stat().st_size < 60_000, path.name
        assert (document["claim"], document["place"]) == (experiment.claim, experiment.place)
        settings = {**experiment.scales[scale], "device": "cpu" if scale == "laptop" else "cuda"}
        assert document["settings"] == json.loads(json.dumps(settings)), f"{path.name}: measure it again"
        how = "" if scale == "laptop" else " --scale paper --device cuda"
        assert document["command"] == f"minicrest paper {name}{how}"


def test_the_table_of_claims_is_that_of_the_documents():
    shown = re.findall(r"<!-- claims -->\n(.*?)<!-- end -->", README.read_text(), re.DOTALL)
    assert shown in ([], [claims_table(KEPT)])
