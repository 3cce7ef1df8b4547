"""The table's rows as tests: `pytest -m benchmark`. Times need a quiet machine, so the default run leaves these out."""

from __future__ import annotations

import pytest

from tests.benchmarks import table
from tests.benchmarks.side_by_side import measure, threads

SECONDS = 25


@pytest.fixture
def timings(request):
    """pytest-benchmark's fixture, where it is installed."""
    pytest.importorskip("pytest_benchmark", reason="needs pytest-benchmark, which the dev extra brings")
    return request.getfixturevalue("benchmark")


@pytest.mark.benchmark
@pytest.mark.filterwarnings("ignore")  # warnings of the peers
@pytest.mark.parametrize("row", table.rows(), ids=lambda row: f"{row.work} / {row.peer}")
def test_ratio(row, timings):
    """ours / theirs <= the target; pytest-benchmark keeps our side's own times beside the ratio."""
    threads(2)
    try:
        sides = row.make()
    except ImportError as error:
        pytest.skip(f"the peer is not installed: {error}")
    found = measure(sides, budget=SECONDS)
    timings.extra_info.update(ratio=found.ratio, target=row.target, peer=row.peer)
    timings.pedantic(sides.ours, rounds=3)
    if found.ratio > row.target and row.why:
        pytest.xfail(f"{found.ratio:.2f} > {row.target}: {row.why}")
    assert found.ratio <= row.target


def test_write_replaces_the_block(tmp_path, monkeypatch):
    monkeypatch.setattr(table, "README", tmp_path / "README.md")
    table.README.write_text("a\n<!-- benchmark -->\nold\n<!-- end -->\nb\n<!-- end -->\n")
    table.write(["new"])
    assert table.README.read_text() == "a\n<!-- benchmark -->\nnew\n<!-- end -->\nb\n<!-- end -->\n"
    row = "| step | torch | 1 | {} |".format
    table.write(["machine", "", row(5), "| other | torch | 1 | 7 |", "", "share"])
    table.write(["machine", row(6)], some=True)
    assert f"\nmachine\n\n{row(6)}\n| other | torch | 1 | 7 |\n\nshare\n<!-- end -->" in table.README.read_text()
    with pytest.raises(ValueError, match="table is of machine; this is another"):
        table.write(["another", row(6)], some=True)
    table.README.write_text("no marks")
    with pytest.raises(ValueError, match="block between"):
        table.write(["new"])
