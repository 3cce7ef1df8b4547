"""The mutants that generator.py makes: what they are, and that each of the sample is killed (`pytest -m mutants`).

The sample takes about 20 minutes on two idle cores.
"""

import ast
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.mutants import generator
from tests.mutants.generator import EQUIVALENT, ROOT, WORKERS, Slip, guards, sample, slips, verdict, works
from tests.mutants.mutants import check_source, copy_of_project, every_target


def test_the_sample_is_large_varied_and_the_same_again():
    chosen = sample()
    files, kinds = Counter(slip.file for slip in chosen), Counter(slip.kind for slip in chosen)
    print(f"{len(chosen)} mutants of {len(files)} files: {dict(kinds)}")
    assert len(chosen) >= 400 and len(files) >= 30 and len(kinds) >= 20 and min(files.values()) >= 2
    assert len({slip.key for slip in chosen}) >= 400 and sample.__wrapped__(30) == sample(30)


def test_a_mutant_is_one_changed_line_that_compiles_and_means_something_else():
    for slip in sample()[::5]:
        source = (ROOT / "minicrest" / slip.file).read_text("utf-8")
        after = slip.applied(source)
        assert sum(a != b for a, b in zip(source.split("\n"), after.split("\n"), strict=True)) == 1
        assert ast.dump(ast.parse(source)) != ast.dump(ast.parse(after))


def test_docstrings_messages_and_annotations_are_left_alone(tmp_path, monkeypatch):
    (tmp_path / "minicrest").mkdir()
    lines = ["def f(n: int = 3) -> tuple[int, 2]:", '    """Of 5 or 6."""', "    if n < 1:",
             '        raise ValueError(f"at least {1}, got {n + 1}")', "    np.add.at(total, i, 2)",
             "    return n * 7"]  # fmt: skip
    (tmp_path / "minicrest/f.py").write_text("\n".join(lines))
    monkeypatch.setattr(generator, "ROOT", tmp_path)
    made = [slip.changed().strip() for slip in slips("f.py") if works(slip)]
    assert {"if n <= 1:", "if n > 1:", "if n < 2:", "total[i] += 2", "pass", "np.add.at(total, i)", "return n / 7",
            "return n", "return n * 8", "def f(n: int = 4) -> tuple[int, 2]:"} <= set(made)  # fmt: skip
    assert not any("raise" in line or "Of" in line for line in made)
    assert all("-> tuple[int, 2]" in line for line in made if line.startswith("def"))


def test_a_line_that_has_changed_is_refused():
    slip = Slip("f.py", 1, 0, 1, "b", "a letter", "a = 1")
    assert slip.applied("a = 1\nc") == "b = 1\nc"
    with pytest.raises(ValueError, match="the line has changed"):
        slip.applied("a = 2\nc")


def test_every_file_has_tests_that_must_notice():
    for file in {slip.file for slip in sample()}:
        assert guards(file), file
        assert all((ROOT / path).is_file() for path in guards(file))


def test_an_equivalent_mutant_is_still_one_and_says_why():
    there = {slip.key for file in {key[0] for key in EQUIVALENT} for slip in slips(file)}
    for key, why in EQUIVALENT.items():
        assert key in there, f"no such mutant any more: {key}"
        assert len(why) > 10 and "\n" not in why


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """A copy of the project in which, without a slip, the tests pass."""
    folder = copy_of_project(tmp_path_factory.mktemp("base"))
    check_source(folder, sample())
    return folder


@pytest.mark.mutants
def test_every_mutant_of_the_sample_is_killed(base):
    with ThreadPoolExecutor(WORKERS) as pool:
        outcomes = list(pool.map(lambda slip: verdict(slip, base), sample()))
    survivors = [str(outcome.mutant) for outcome in outcomes if not outcome.by]
    print(f"{len(sample()) - len(survivors)} of {len(sample())} killed by {len(every_target(sample()))} test files")
    assert not survivors, f"{len(survivors)} of {len(sample())} survive:\n" + "\n".join(survivors)


@pytest.mark.mutants
def test_a_comment_survives_and_a_slip_does_not(base):
    text = "    return (probes * hvp(probes)).mean(0)"
    source = (ROOT / "minicrest/taylor.py").read_text("utf-8").split("\n")
    line = source.index(text) + 1
    faults = {"mean(0)": "sum(0)", "(probes * ": "( probes * "}
    slips_by_hand = [Slip("taylor.py", line, text.index(old), text.index(old) + len(old), new, "by hand", text)
                     for old, new in faults.items()]  # fmt: skip
    killed, survives = (verdict(slip, base).by for slip in slips_by_hand)
    assert "test_taylor.py" in killed and survives is None
