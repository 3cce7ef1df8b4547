"""The table's rows as tests: `pytest -m benchmark`. Times need a quiet machine, so the default run leaves these out."""

from __future__ import annotations

import time

import pytest

from tests.benchmarks import table
from tests.benchmarks.side_by_side import Measured, Row, Sides, measure, threads

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
    found = measure(sides, budget=SECONDS, parts=row.parts)
    timings.extra_info.update(ratio=found.ratio, target=row.target, peer=row.peer)
    timings.pedantic(sides.ours if isinstance(sides, Sides) else lambda: None, rounds=3)
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


def test_a_row_that_fails_is_a_row():
    def failing():
        raise ValueError("a | b\nc")

    assert table.line(Row("w", "p", 1, failing)) == "| w | p | 1 | - | - | 0 | not measured: ValueError: a / b c |"
    assert "not measured: ValueError" in table.sentence(failing)
    unequal = Sides(lambda: None, lambda: None, failing)
    assert "not measured: ValueError" in table.line(Row("w", "p", 1, lambda: unequal))
    done = Measured(2.0, 3.0, 1.5, 1)
    assert table.line(Row("w", "p", 1, lambda: done, "Why.")) == "| w | p | 1 | 2 | 3e+03 | 1 | 100% over. Why. |"


def test_the_time_of_a_part_is_multiplied():
    sides = Sides(lambda: time.sleep(0.02), lambda: time.sleep(0.02), lambda: None)
    assert 0.05 < measure(sides, pairs=1, parts=10).ratio < 0.2
