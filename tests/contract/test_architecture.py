"""The architecture, read from the source: who may import whom, what nobody may do, and how long things may be.

`python -m tests.contract.test_architecture` prints the plan of imports.
"""

import ast
import importlib
import inspect
import re
import subprocess
import sys
from functools import cached_property
from pathlib import Path

import pytest

from minicrest.selection import METHODS

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "minicrest"
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts): path
    for path in sorted(PACKAGE.rglob("*.py"))
}  # fmt: skip
TREES = {name: ast.parse(path.read_text()) for name, path in MODULES.items()}

# A module imports only from floors below its own, and from its own room. A new file needs a place here. Some files in
# experiments/ are opened from below, inside a function, when they are asked for: `minicrest.selection.check_method`,
# which trains, and what knows the files of users and of published data sets, which the core can do without.
FLOORS = [
    {"", "backend", "random"},  # "" is minicrest/__init__.py, which holds the version
    {"threads", "arguments", "npz"},
    {"datasets", "nn", "optim", "submodular", "taylor", "checkpoint", "theory bounds", "ledger", "batch"},
    {"learner"},
    {"oracle", "run"},
    {"selection.method"},
    {"selection.base"},
    {"selection helper"},
    {"selection method"},
    {"selection"},
    {"train"},
    {"experiments"},
    {"estimators"},
    {"theory"},
    {"teaching"},
    {"cli"},
    {"__main__"},
]
BANNED = {
    "torch", "submodlib", "apricot", "hypothesis", "pickle", "cPickle", "dill", "cloudpickle", "marshal", "shelve",
    "pytest", "tests",
}  # fmt: skip
BROUGHT = {"numpy", "sklearn", "scipy", "joblib", "threadpoolctl", "matplotlib", "tqdm", "cupy"}  # sklearn's own too
OPTIONAL = {("minicrest.experiments.documents", "pandas"), ("minicrest.cli.parser", "shtab")}  # when asked for
ALLOWED = BROUGHT | {"minicrest"} | set(sys.stdlib_module_names)
METHOD_MODULES = {  # files in selection/ with a class that names its paper
    name for name, tree in TREES.items()
    if name.startswith("minicrest.selection.") and not name.endswith((".base", ".method", ".__init__"))
    and any(isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "paper" for node in ast.walk(tree))
}  # fmt: skip

BESIDE = ("theory", "experiments", "teaching", "estimators", "cli", "__main__")  # what the core does without
CORE_LINES = 6_500
UNDOCUMENTED: set[str] = set()

OPTIONAL = {  # what is asked for where it is needed: a frame, a cluster, JPEGs (Matplotlib brings Pillow), completion
    ("minicrest.experiments.documents", "pandas"), ("minicrest.experiments.jobs", "distributed"),
    ("minicrest.experiments.public_files", "PIL"), ("minicrest.cli.parser", "shtab"),
}  # fmt: skip
LAZY_DOORS = {  # (module, what it imports): the function that does so
    ("minicrest.selection.__init__", "minicrest.experiments.check_method"): "__getattr__",
    ("minicrest.datasets.load", "minicrest.experiments.own_files"): "_own",
    ("minicrest.datasets.readers", "minicrest.experiments.pickles"): "_cifar_pickle",
    ("minicrest.datasets.load", "minicrest.experiments.public_files"): "_sources",
}
every_module = pytest.mark.parametrize("module", MODULES)


def room(module):
    """The room of minicrest.<...>, as FLOORS names it."""
    parts = module.split(".")[1:]
    if parts and parts[-1] == "__init__":
        parts = parts[:-1]
    if parts[:1] == ["selection"] and len(parts) > 1:
        kind = "method" if module in METHOD_MODULES else "helper"
        return f"selection.{parts[1]}" if parts[1] in ("base", "method") else f"selection {kind}"
    bounds = ("inputs", "bounds", "family_bounds", "chance_bounds", "thinning_bounds")
    if parts[:1] == ["theory"] and (len(parts) == 1 or (len(parts) == 2 and parts[1] in bounds)):
        return "theory bounds"
    return parts[0] if parts else ""


def floor(name):
    found = [k for k, names in enumerate(FLOORS) if name in names]
    assert found, f"{name!r} has no floor: give it one in FLOORS"
    return found[0]


def imports(tree):
    """Full dotted names of every module that is imported anywhere in the tree, lazily too; not those for types only."""
    typed = [inner for node in ast.walk(tree) if isinstance(node, ast.If) and isinstance(node.test, ast.Name)
             and node.test.id == "TYPE_CHECKING" for inner in ast.walk(node)]  # fmt: skip
    for node in ast.walk(tree):
        if any(node is inner for inner in typed):
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative import: name the module in full"
            inside = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (name if name in MODULES or f"{name}.__init__" in MODULES else node.module for name in inside)


def attribute_chain(node):
    """`a.b.c` as "a.b.c", else ""."""
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else ""


def plan():
    """The floors as text, lowest first, with their files: each imports from lower floors and its own room alone."""
    lines = []
    for k, rooms in enumerate(FLOORS):
        files = [module for module in MODULES if room(module) in rooms]
        names = [module.removeprefix("minicrest.").removesuffix(".__init__") for module in files]
        lines += [f"{k:2}  " + ", ".join(names)]
    return "\n".join(lines)


# ---- who imports whom


def test_the_plan_shows_every_module_once():
    print(plan())
    shown = re.findall(r"[\w.]+", re.sub(r"^ *\d+", "", plan(), flags=re.MULTILINE))
    assert sorted(shown) == sorted(m.removeprefix("minicrest.").removesuffix(".__init__") for m in MODULES)


@every_module
def test_imports_run_one_way(module):
    mine = room(module)
    for name in imports(TREES[module]):
        if name.partition(".")[0] != "minicrest":
            continue
        other = room(name)
        inside = mine == other != "selection method"
        allowed = inside or floor(other) < floor(mine) or (module, name) in LAZY_DOORS
        assert allowed, f"{module} ({mine}) imports {name} ({other})"


def test_the_lazy_doors_are_opened_only_when_asked():
    for (module, name), door in LAZY_DOORS.items():
        lazily = [name in imports(node) for node in TREES[module].body if getattr(node, "name", "") == door]
        assert lazily == [True] and list(imports(TREES[module])).count(name) == 1
        opened = f"import sys, {module.removesuffix('.__init__')}; print({name.rpartition('.')[0]!r} in sys.modules)"
        assert python(opened).strip() == "False"


def test_every_method_is_found():
    assert {cls.__module__ for cls in METHODS.values()} <= METHOD_MODULES


@every_module
def test_some_know_only_arrays(module):
    """Set functions, Taylor models, checkpoints and bounds: arrays and callables, never networks."""
    known = {room(name) for name in imports(TREES[module]) if name.startswith("minicrest")}
    if room(module) in ("submodular", "taylor", "checkpoint", "theory bounds"):
        assert known <= {"backend", "random", "arguments", "threads", "npz", room(module)}
    if room(module) in ("backend", "random", ""):
        assert not known


@pytest.mark.parametrize("module", sorted(METHOD_MODULES))
def test_a_method_imports_no_network_no_optimiser_and_no_other_method(module):
    for name in imports(TREES[module]):
        if name.startswith("minicrest"):
            allowed = ("backend", "random", "arguments", "threads", "submodular", "taylor", "batch", "oracle", "ledger",
                       "selection.method", "selection.base", "selection helper")  # fmt: skip
            assert room(name) in allowed, f"{module} imports {name}"


def test_the_oracle_takes_only_a_tuple_from_the_networks():
    taken = [
        alias.name
        for node in ast.walk(TREES["minicrest.oracle"])
        if isinstance(node, ast.ImportFrom) and node.module.startswith("minicrest.nn")
        for alias in node.names
    ]
    assert taken == ["Answers"]


def test_the_trainer_names_no_method():
    names = {*METHODS, *(cls.__name__ for cls in METHODS.values())}
    for node in ast.walk(TREES["minicrest.train"]):
        said = [getattr(node, field, None) for field in ("id", "attr", "arg", "name", "value")]
        assert not names & {word for word in said if isinstance(word, str)}
    assert not any(room(name).startswith("selection") for name in imports(TREES["minicrest.train"]))


# ---- what nobody may do


@every_module
def test_only_the_known_packages(module):
    for name in imports(TREES[module]):
        top = name.partition(".")[0]
        assert top not in BANNED and (top in ALLOWED or (module, top) in OPTIONAL), f"{module} imports {name}"
        assert top != "cupy" or module == "minicrest.backend"
        assert top != "matplotlib" or module == "minicrest.experiments.figures"


@every_module
def test_no_hidden_state_no_pickle_no_surprises(module):
    for node in ast.walk(TREES[module]):
        chain = attribute_chain(node)
        found = re.match(r"(?:np|numpy)\.random\.(\w+)", chain)
        assert not found or found.group(1) in ("default_rng", "Generator"), f"{module}:{node.lineno} {chain}"
        if isinstance(node, ast.keyword) and node.arg == "allow_pickle":
            assert isinstance(node.value, ast.Constant) and node.value.value is False, module
        if isinstance(node, ast.Call):
            called = attribute_chain(node.func)
            assert called not in ("eval", "exec", "compile", "__import__", "os.system"), f"{module}:{node.lineno}"
            reads = called in ("np.load", "numpy.load")
            assert not reads or "allow_pickle" in [k.arg for k in node.keywords], f"{module}:{node.lineno}"
        assert not isinstance(node, ast.Global), f"{module}:{node.lineno} global"
        assert not (isinstance(node, ast.ExceptHandler) and node.type is None), f"{module}:{node.lineno} bare except"
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):  # **kwargs swallow typos
            assert node.args.kwarg is None, f"{module}:{node.lineno} {node.name} takes **{node.args.kwarg.arg}"


@every_module
def test_everything_is_short_and_says_what_it_is(module):
    """A module has a docstring and at most 320 lines, a function at most 45."""
    text, tree = MODULES[module].read_text(), TREES[module]
    assert ast.get_docstring(tree), f"{module} has no docstring"
    assert len(text.splitlines()) <= 320, f"{module} has {len(text.splitlines())} lines"
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            length = node.end_lineno - node.lineno + 1
            assert length <= 45, f"{module}.{node.name} has {length} lines"


def test_the_core_is_small():
    """All but what is built on it: theory, experiments, teaching, estimators and the command line."""
    core = [path for module, path in MODULES.items() if room(module).partition(" ")[0] not in BESIDE]
    lines = sum(len(path.read_text().splitlines()) for path in core)
    assert lines <= CORE_LINES, f"the core has {lines} lines"


def members(cls):
    """Public methods and properties that the class itself defines."""
    kinds = (staticmethod, classmethod, property, cached_property)
    for name, value in vars(cls).items():
        if not name.startswith("_") and (inspect.isfunction(value) or isinstance(value, kinds)):
            yield f"{cls.__name__}.{name}", getattr(cls, name)


@every_module
def test_every_public_object_says_what_it_is(module):
    """A docstring of its own, or that of the base class; the signature that a dataclass writes is none."""
    if module.endswith("__main__"):
        pytest.skip("importing it runs the command line")
    if module.startswith(("minicrest.teaching.exercises", "minicrest.teaching.solutions")):
        pytest.skip("what these define is asked for in the notebooks")
    loaded, missing = importlib.import_module(module.removesuffix(".__init__")), []
    for name, value in list(vars(loaded).items()):
        if name.startswith("_") or getattr(value, "__module__", None) != loaded.__name__ or not callable(value):
            continue
        for label, thing in [(name, value), *(members(value) if inspect.isclass(value) else ())]:
            text = inspect.getdoc(thing)
            missing += [label] if not text or text.startswith(f"{label}(") else []
    assert not missing or module in UNDOCUMENTED, f"{module}: no docstring for {', '.join(missing)}"


def test_the_tests_that_departures_cite_exist():
    """Every test_... that a method's docstring names is a test in the file it names, or somewhere in tests/."""
    known = set(re.findall(r"^def (test_\w+)", "\n".join(p.read_text() for p in (ROOT / "tests").rglob("*.py")), re.M))
    cited = set()
    for module in METHOD_MODULES:
        box = ast.get_docstring(TREES[module])
        cited |= {name for name in re.findall(r"\btest_\w+", re.sub(r"tests?/\S+\.py", "", box))}
        for path in re.findall(r"tests/\S+\.py", box):
            assert (ROOT / path).exists(), f"{module} cites {path}"
    assert cited and cited <= known, f"cited and not there: {sorted(cited - known)}"


# ---- the import, and the repository


def python(code):
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout


def test_the_import_is_quick_and_brings_little():
    """Under half a second (the best of three), and no plotting, device or learning library with it."""
    took = "import time; t = time.perf_counter(); import minicrest; print(time.perf_counter() - t)"
    assert min(float(python(took)) for _ in range(3)) < 0.5
    heavy = "'matplotlib', 'cupy', 'sklearn', 'torch'"
    assert python(f"import sys, minicrest; print([m for m in ({heavy}) if m in sys.modules])").strip() == "[]"
    parts = "minicrest, minicrest.train, minicrest.selection, minicrest.nn, minicrest.datasets, minicrest.checkpoint"
    assert python(f"import sys, {parts}; print([m for m in ({heavy}) if m in sys.modules])").strip() == "[]"


def tracked():
    """Files that git has or would take."""
    try:
        list_them = ["git", "ls-files", "-co", "--exclude-standard", "-z"]
        done = subprocess.run(list_them, cwd=ROOT, capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout")
    return [ROOT / name for name in done.stdout.decode().split("\0") if name]


def test_no_paths_of_anybodys_machine():
    places = ["home", "Users", "root", "opt", "work", "mnt", "tmp"]
    pattern = re.compile(rb"(?<![\w.~$}/-])/(?:%s)/[\w.-]+" % "|".join(places).encode())
    here = re.compile(re.escape(str(ROOT)).encode() + rb"(?![\w-])")
    for path in tracked():
        if path.is_file():
            found = pattern.findall(path.read_bytes()) + here.findall(path.read_bytes())
            assert not found, f"{path.relative_to(ROOT)}: {found[:3]}"


if __name__ == "__main__":
    print(plan())
