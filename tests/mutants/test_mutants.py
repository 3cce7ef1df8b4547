"""Every mutant must be killed: `pytest -m mutants`. Here are also the tests of the table and of the runner itself.

`python -m tests.mutants.mutants` does the same as a table, with the test that killed each, and the survivors last.
"""

import ast
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.mutants.mutants import (
    MUTANTS,
    ROOT,
    WORKERS,
    Mutant,
    check_source,
    copy_of_project,
    every_target,
    infect,
    judge,
    main,
    mutated,
    pytest_in,
)

# ---- the table, on every run of the suite: seconds


def test_there_are_enough_in_every_room():
    assert len(MUTANTS) >= 75 and len(set(map(str, MUTANTS))) == len(MUTANTS)
    files = [mutant.file for mutant in MUTANTS]
    assert files.count("selection/crest.py") >= 12
    shared = {"selection/__init__.py", "selection/encoders.py", "selection/method.py"}
    methods = {path.relative_to(ROOT / "minicrest").as_posix() for path in (ROOT / "minicrest/selection").glob("*.py")}
    assert methods - shared <= set(files)


@pytest.mark.parametrize("mutant", MUTANTS, ids=str)
def test_a_mutant_is_one_changed_line_that_compiles(mutant):
    """Where the source has moved on this fails, and says so."""
    text = (ROOT / "minicrest" / mutant.file).read_text("utf-8")
    after = mutated(text, mutant)
    changed = [a != b for a, b in zip(text.splitlines(), after.splitlines(), strict=True)]
    assert sum(changed) == 1
    assert ast.dump(ast.parse(text)) != ast.dump(ast.parse(after))  # neither a comment nor a syntax error


def test_the_tests_that_are_named_exist():
    for name in every_target(MUTANTS):
        path, _, test = name.partition("::")
        functions = {node.name for node in ast.parse((ROOT / path).read_text("utf-8")).body if hasattr(node, "name")}
        assert not test or test.partition("[")[0] in functions, name


def test_drifted_text_is_refused():
    drifted = Mutant("taylor.py", "total = x", "total = 0", "what", ("taylor",))
    for text in ("", "total = x\ntotal = x\n"):
        with pytest.raises(ValueError, match=r"taylor\.py: what: 'total = x' must occur once .* bring the table up to"):
            mutated(text, drifted)
    assert mutated("a\ntotal = x\n", drifted) == "a\ntotal = 0\n"


# ---- the mutants: minutes


@pytest.fixture(scope="module")
def base(request, tmp_path_factory):
    """A copy of the project in which, without a fault, the tests of the chosen mutants pass."""
    folder = copy_of_project(tmp_path_factory.mktemp("base"))
    check_source(folder, chosen(request) or MUTANTS[:1])
    return folder


@pytest.fixture(scope="module")
def outcomes(request, base):
    """A future for each chosen mutant; a few are judged at a time, in the order of the table."""
    with ThreadPoolExecutor(WORKERS) as pool:
        yield {mutant: pool.submit(judge, mutant, base) for mutant in chosen(request)}
        pool.shutdown(cancel_futures=True)


def chosen(request) -> list[Mutant]:
    """The mutants of this session's tests: -k may have left some out."""
    mine = [item for item in request.session.items if getattr(item, "function", None) is test_mutant_is_killed]
    return [item.callspec.params["mutant"] for item in mine]


@pytest.mark.mutants
@pytest.mark.parametrize("mutant", MUTANTS, ids=str)
def test_mutant_is_killed(mutant, outcomes):
    outcome = outcomes[mutant].result()
    print(f"{outcome.seconds:.1f} s, {outcome.by}")
    assert outcome.by, f"SURVIVED its tests ({', '.join(mutant.tests)}): {mutant}\n{mutant.old!r} -> {mutant.new!r}"


# ---- the runner: it can tell a survivor, and takes nothing for a kill that is none

ECHO = Mutant("taylor.py", '"""() mean over', '"""() the mean over', "a word", ("taylor::test_rademacher",))
FAULT = Mutant("taylor.py", "(2 * rng.integers(0, 2, shape) - 1)", "rng.integers(0, 2, shape)", "0 and 1", ECHO.tests)


@pytest.mark.mutants
def test_a_change_of_nothing_survives_and_a_fault_does_not(base):
    assert judge(ECHO, base).by is None
    assert judge(FAULT, base).by == "test_taylor.py::test_rademacher[cpu]"


@pytest.mark.mutants
def test_what_cannot_run_is_no_kill(base):
    for broken in (
        FAULT._replace(tests=("taylor::test_of_no_such_name",)), FAULT._replace(tests=("no_such_file",)),
        FAULT._replace(new="(2 * rng.integers(0, 2, shape) - 1"),  # does not compile
    ):  # fmt: skip
        with pytest.raises(RuntimeError, match="its tests did not run"):
            judge(broken, base)


@pytest.mark.mutants
def test_time_up_is_a_kill_that_says_so(base):
    assert judge(FAULT, base, timeout=0.01).by == "timeout after 0.01 s"


@pytest.mark.mutants
def test_a_suite_that_fails_without_a_fault_proves_nothing(base, tmp_path):
    folder = copy_of_project(tmp_path / "broken")
    infect(folder, FAULT)
    with pytest.raises(RuntimeError, match="fail on the source as it is"):
        check_source(folder, [FAULT])


@pytest.mark.mutants
def test_another_minicrest_than_the_copy_is_refused(tmp_path):
    """Without the package in the folder the installed one, or none, would be imported."""
    code, output = pytest_in(tmp_path, [], timeout=60)
    assert code == 1 and ("not from the copy in" in output or "No module named 'minicrest'" in output)


@pytest.mark.mutants
def test_the_report_ends_with_the_survivors(monkeypatch, capsys):
    monkeypatch.setattr("tests.mutants.mutants.MUTANTS", [FAULT, ECHO])
    assert main([]) == 1
    *_, total, survivor = capsys.readouterr().out.splitlines()
    assert total.startswith("1 of 2 killed in ") and survivor.startswith("survivor: taylor.py: a word")
    assert main(["0 and 1"]) == 0
