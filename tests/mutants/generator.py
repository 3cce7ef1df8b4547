"""Mutants made from the source: every small slip that its expressions allow, and a sample of them judged.

    python -m tests.mutants.generator              judge the sample; ends with the survivors, exit code 1 if any
    python -m tests.mutants.generator crest 40     40 of those whose file or kind holds the word
    python -m tests.mutants.generator --list conv  print them, judge none

Each is one changed line that compiles and means something else: constants scaled or given another sign, bounds moved by
one, comparisons, min and max, sums and means, + and -, * and /, and and or swapped, not and minus dropped, arguments
dropped (axis, keepdims, kind="stable" among them), += for add.at, a statement left out, a value returned too early.
Docstrings, messages, annotations and what `__repr__` says are left alone.
"""

from __future__ import annotations

import ast
import functools
import itertools
import math
import re
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tests.mutants.mutants import ROOT, Outcome, check_source, copy_of_project, judge

SEED = 0
SAMPLE = 420
TIMEOUT = 300  # seconds for one mutant's tests
WORKERS = 2
FILES = ("nn/*.py", "submodular/*.py", "selection/*.py", "taylor.py", "optim.py", "oracle.py", "learner.py",
         "ledger.py", "batch.py", "train.py", "checkpoint.py", "datasets/dataset.py", "theory/bounds.py",
         "theory/family_bounds.py", "experiments/tables.py")  # fmt: skip
TESTS = {  # the tests that must notice, the quickest first; other files: the test of the same name, or all of the room
    "nn": ("unit/nn/test_contract_of_layers.py", "unit/nn/test_layers.py", "unit/nn/test_network.py"),
    "nn/layers.py": ("unit/nn/test_contract_of_layers.py", "unit/nn/test_layers.py"),
    "nn/losses.py": ("unit/nn/test_losses.py", "unit/nn/test_contract_of_layers.py", "unit/nn/test_network.py"),
    "nn/network.py": ("unit/nn/test_contract_of_layers.py", "unit/nn/test_network.py", "unit/test_oracle.py"),
    "nn/zoo.py": ("unit/nn/test_contract_of_layers.py", "unit/nn/test_network.py", "unit/nn/test_layers.py",
                  "unit/nn/test_torch_parity.py"),
    "submodular": ("unit/submodular/*.py", "unit/selection/test_craig.py"),
    "selection/base.py": ("unit/selection/test_scores.py", "unit/selection/test_craig.py",
                          "unit/selection/test_random.py", "unit/selection/test_glister.py"),
    "selection/el2n.py": ("unit/selection/test_scores.py",),
    "selection/forgetting.py": ("unit/selection/test_scores.py",),
    "selection/scores.py": ("unit/selection/test_scores.py",),
    "selection/encoders.py": ("unit/selection/test_milo.py",),
    "selection": ("contract/test_contract.py", "contract/test_resume.py"),
    "optim.py": ("unit/test_optim.py", "unit/test_train.py"),
    "ledger.py": ("unit/test_oracle.py", "unit/test_train.py"),
    "batch.py": ("unit/test_oracle.py", "unit/selection/test_craig.py"),
    "learner.py": ("unit/test_oracle.py", "unit/test_train.py"),
    "checkpoint.py": ("unit/test_checkpoint.py", "contract/test_resume.py"),
    "datasets/dataset.py": ("unit/datasets/*.py",),
    "theory/bounds.py": ("theory/test_bounds.py",),
    "theory/family_bounds.py": ("theory/test_family_bounds.py",),
    "experiments/tables.py": ("unit/experiments/test_tables.py", "unit/experiments/test_compare.py"),
}
EVERY = {  # and for all files of a room
    "selection": ("unit/selection/test_defaults.py",), "submodular": ("unit/selection/test_defaults.py",),
    ".": ("unit/selection/test_defaults.py",), "theory": ("theory/test_edges.py",),
}  # fmt: skip
SHORT_ROWS = "return k * x.shape[3] < SHORT and array_module(x) is np"
CONV_SHORT = (
    "SHORT = {}  # numbers in a row of a window, below which the image's rows, which are longer, are copied instead"
)
ALL_LOSSES = 'score = "test loss" if all(r.accuracy is None for r in rows) else "accuracy"'
PURSUED = "SMALLEST = 1e-10  # of |g| |G|: correlations below it are rounding; the paper's text stops at E <= 1e-10"
FLOORED = ("FLOOR, SPREAD = 1e-10, 1e-6  # least u; least standard deviation of distances: below it they differ by "
           "rounding only")
DRAWN = 'rng = stream(oracle.seed, "random", state.step)'
COUNTED = "return uniform(i), replace(state, step=state.step + 1)  # 2"
ONES = "ones = xp.ones(parts[0].stop, dtype=rows.dtype)"
ROUNDED = "return np.rint(total, out=total)"
POOLED = 'view = view.copy(order="K")  # side by side in memory, as it is read twice'
EQUIVALENT: dict[tuple[str, str, str], str] = {  # (file, line, line in its place), both stripped -> why nothing changes
    ("datasets/dataset.py", 'digest.update(b";")', "pass"): "the shape of each array says where it ends",
    ("datasets/dataset.py", "return x.astype(dtype, copy=False)", "return x.astype(dtype)"): "the same numbers, copied",
    ("datasets/dataset.py", "return x.astype(dtype, copy=False)", "return x.astype(dtype, copy=True)"):
        "the same numbers, copied",
    ("datasets/dataset.py", 'fixed["y"] = y.astype("int64", copy=False)', 'fixed["y"] = y.astype("int64", copy=True)'):
        "the same numbers, copied",
    ("experiments/tables.py", ALL_LOSSES, ALL_LOSSES.replace("all(", "any(")): "one data set: all rows have it or none",
    ("nn/conv.py", CONV_SHORT.format(16), CONV_SHORT.format(15)): "the same numbers, another order",
    ("nn/conv.py", SHORT_ROWS, SHORT_ROWS.replace("< SHORT", "<= SHORT")): "the same numbers, another order",
    ("nn/network.py", "return G + self.loss.l2 * theta if self.loss.l2 else G", "return G + self.loss.l2 * theta"):
        "adds zeros without l2",
    ("nn/network.py", "return diagonal + self.loss.l2 * c.sum() if self.loss.l2 else diagonal",
     "return diagonal + self.loss.l2 * c.sum()"): "adds zeros without l2",
    ("nn/pool.py", POOLED, POOLED.replace('order="K"', "")): "the same numbers, another order in memory",
    ("nn/rows.py", ONES, "ones = xp.ones(parts[0].stop)"):
        "sums in float64 on the way to float32: slower, within its rounding",
    ("nn/norm.py", "m = xh.size // c", "m = xh.size / c"): "divides without remainder",
    ("selection/gradmatch.py", PURSUED, PURSUED.replace("1e-10  #", "(1e-09)  #")): "both are far below what is chosen",
    ("selection/milo.py", FLOORED, FLOORED.replace("= 1e-10,", "= (1e-09),")): "moves a probability by a part in 1e9",
    ("selection/random.py", DRAWN, DRAWN.replace('"random", ', "")): "other draws, as random",
    ("selection/random.py", COUNTED, COUNTED.replace("step + 1", "step - 1")): "other draws, as random",
    ("nn/rows.py", ONES, ONES.replace("parts[0]", "parts[(-1)]")): "more ones than are used",
    ("submodular/points.py", ROUNDED, ROUNDED.replace(", out=total", "")): "the same numbers, in another place",
}


class Slip(NamedTuple):
    """`new` in the place of columns `start`..`stop` (bytes) of line `line` of minicrest/`file`."""

    file: str
    line: int
    start: int
    stop: int
    new: str
    kind: str
    text: str  # the line as it is

    def __str__(self):
        return f"{self.file}:{self.line} {self.kind}: {self.text.strip()}  ->  {self.changed().strip()}"

    def changed(self) -> str:
        """The line with the slip."""
        raw = self.text.encode()
        return (raw[: self.start] + self.new.encode() + raw[self.stop :]).decode()

    def applied(self, source: str) -> str:
        """The file with the slip. Raises ValueError where the line is another one now."""
        lines = source.split("\n")
        if lines[self.line - 1] != self.text:
            raise ValueError(f"{self}: the line has changed")
        lines[self.line - 1] = self.changed()
        return "\n".join(lines)

    @property
    def targets(self) -> list[str]:
        """Its tests as pytest takes them, the most specific first."""
        return guards(self.file)

    @property
    def key(self) -> tuple[str, str, str]:
        return (self.file, self.text.strip(), self.changed().strip())


def guards(file: str) -> list[str]:
    """The test files that must notice a slip in minicrest/`file`."""
    room, same = Path(file).parent.as_posix(), f"unit/{Path(file).with_name(f'test_{Path(file).name}').as_posix()}"
    listed = TESTS.get(file) or ([same] if (ROOT / "tests" / same).exists() else TESTS.get(room, ()))
    listed = [*listed, *EVERY.get(room, ())]
    paths = [path for pattern in listed for path in sorted((ROOT / "tests").glob(pattern)) if path.name[:5] == "test_"]
    return list(dict.fromkeys(path.relative_to(ROOT).as_posix() for path in paths))


# ---- from the tree of a file to its slips

OPERATORS = {ast.Add: ("+", "-"), ast.Sub: ("-", "+"), ast.Mult: ("*", "/"), ast.Div: ("/", "*"),
             ast.Pow: ("**", "*"), ast.FloorDiv: ("//", "/"), ast.Mod: ("%", "//"),
             ast.BitAnd: ("&", "|"), ast.BitOr: ("|", "&")}  # fmt: skip
COMPARISONS = {ast.Lt: ("<", "<=", ">"), ast.LtE: ("<=", "<", ">="), ast.Gt: (">", ">=", "<"),
               ast.GtE: (">=", ">", "<="), ast.Eq: ("==", "!="), ast.NotEq: ("!=", "=="), ast.In: (" in", " not in"),
               ast.Is: (" is", " is not"), ast.IsNot: ("is not", "is"), ast.NotIn: ("not in", "in")}  # fmt: skip
NAMES = {"min": "max", "max": "min", "minimum": "maximum", "maximum": "minimum", "argmin": "argmax", "argmax": "argmin",
         "floor": "ceil", "ceil": "floor", "sum": "mean", "mean": "sum", "any": "all", "all": "any", "zeros": "ones",
         "var": "std", "sqrt": "abs", "cumsum": "cumprod", "argsort": "argpartition"}  # fmt: skip
SILENT = (ast.Raise, ast.JoinedStr, ast.Import, ast.ImportFrom, ast.Assert)  # and annotations, decorators, __repr__


class _Reader:
    """Yields (node whose columns change, start, stop, new, kind) for the nodes of one file."""

    def __init__(self, source: str):
        self.lines = [line.encode() for line in source.split("\n")]

    def walk(self, node: ast.AST) -> Iterator[tuple[int, int, int, str, str]]:
        if isinstance(node, SILENT) or getattr(node, "name", None) in ("__repr__", "__str__"):
            return
        if hasattr(node, "lineno") and node.lineno == node.end_lineno:
            for start, stop, new, kind in getattr(self, f"_{type(node).__name__.lower()}", lambda node: ())(node):
                yield node.lineno, start, stop, new, kind
        for name, value in ast.iter_fields(node):
            if name not in ("annotation", "returns", "decorator_list", "type_params"):
                for child in value if isinstance(value, list) else [value]:
                    if isinstance(child, ast.AST):
                        yield from self.walk(child)

    def _between(self, left, right, old, new, kind):
        """`new` for the operator `old` that stands between two operands."""
        gap = self.lines[left.lineno - 1][left.end_col_offset : right.col_offset].decode()
        if left.end_lineno == right.lineno and old in gap:
            start = left.end_col_offset + gap.index(old)
            yield start, start + len(old), new, kind

    def _constant(self, node):
        value, span = node.value, (node.col_offset, node.end_col_offset)
        if isinstance(value, bool):
            yield (*span, str(not value), "flag turned")
        elif isinstance(value, int):
            yield (*span, str(value + 1), "constant plus 1")
            yield (*span, str(value - 1) if value > 0 else "(-1)", "constant minus 1")
        elif isinstance(value, float):
            scaled = ((value * 10, "times 10"), (value / 10, "by 10"), (-value, "other sign"))
            for new, kind in scaled if value else ((1.0, "plus 1"),):
                yield (*span, f"({new!r})", f"constant {kind}")

    def _binop(self, node):
        old, new = OPERATORS.get(type(node.op), ("", ""))
        if old:
            yield from self._between(node.left, node.right, old, new, f"{old} to {new}")

    def _augassign(self, node):
        old, new = OPERATORS.get(type(node.op), ("", ""))
        if old:
            yield from self._between(node.target, node.value, f"{old}=", f"{new}=", f"{old}= to {new}=")
        yield node.col_offset, node.end_col_offset, "pass", "statement left out"

    def _compare(self, node):
        for left, op, right in zip([node.left, *node.comparators], node.ops, node.comparators):
            old, *news = COMPARISONS[type(op)]
            for new in news:
                yield from self._between(left, right, old, new, "comparison")

    def _boolop(self, node):
        old, new = (" and ", " or ") if isinstance(node.op, ast.And) else (" or ", " and ")
        yield from self._between(*node.values[:2], old, new, "and or or")

    def _unaryop(self, node):
        if isinstance(node.op, (ast.Not, ast.USub, ast.Invert)):
            yield node.col_offset, node.operand.col_offset, "", "not or minus dropped"

    def _name(self, node):
        if node.id in NAMES:
            yield node.col_offset, node.end_col_offset, NAMES[node.id], "function swapped"

    def _attribute(self, node):
        if node.attr in NAMES:
            yield node.end_col_offset - len(node.attr), node.end_col_offset, NAMES[node.attr], "function swapped"

    def _call(self, node):
        arguments = [*node.args, *(keyword for keyword in node.keywords)]
        for before, after in zip([None, *arguments], arguments):
            start = before.end_col_offset if before else after.col_offset
            if getattr(after, "arg", None) != "doc" and (isinstance(after, ast.keyword) or before is not None):
                yield start, after.end_col_offset, "", "argument dropped"

    def _slice(self, node):
        for bound in (node.lower, node.upper):
            if isinstance(bound, (ast.Name, ast.Attribute)):
                yield bound.end_col_offset, bound.end_col_offset, " + 1", "bound moved"

    def _expr(self, node):
        if isinstance(node.value, ast.Call):
            yield node.col_offset, node.end_col_offset, "pass", "statement left out"
            if ast.unparse(node.value.func).endswith(".add.at") and len(node.value.args) == 3:
                target, index, value = map(ast.unparse, node.value.args)
                yield node.col_offset, node.end_col_offset, f"{target}[{index}] += {value}", "+= for add.at"

    def _return(self, node):
        if isinstance(node.value, ast.BinOp):
            left = node.value.left
            yield left.end_col_offset, node.value.end_col_offset, "", "returned early"
        elif isinstance(node.value, ast.IfExp):
            yield node.value.body.end_col_offset, node.value.end_col_offset, "", "returned early"


def slips(file: str) -> list[Slip]:
    """All slips of minicrest/`file`, in the order of its lines; `works` says which compile."""
    source = (ROOT / "minicrest" / file).read_text("utf-8")
    lines = source.split("\n")
    found = [Slip(file, line, *where, lines[line - 1]) for line, *where in _Reader(source).walk(ast.parse(source))]
    return list({(slip.line, slip.changed()): slip for slip in found}.values())


def works(slip: Slip) -> bool:
    """Whether the slip compiles and is one."""
    try:
        ast.parse(slip.applied((ROOT / "minicrest" / slip.file).read_text("utf-8")))
    except SyntaxError:
        return False
    return slip.changed().split() != slip.text.split()


@functools.cache
def sample(count: int = SAMPLE, words: tuple[str, ...] = ()) -> list[Slip]:
    """A fixed choice: of each file by the root of its size, its kinds in turn, none that is EQUIVALENT."""
    paths = [p for pattern in FILES for p in (ROOT / "minicrest").glob(pattern) if p.name != "__init__.py"]
    files = sorted(path.relative_to(ROOT / "minicrest").as_posix() for path in paths)
    pools = {file: [slip for slip in slips(file) if slip.key not in EQUIVALENT] for file in files}
    if words:
        pools = {file: [s for s in pool if any(w in f"{file} {s.kind}" for w in words)] for file, pool in pools.items()}
    roots = {file: math.sqrt(len(pool)) for file, pool in pools.items() if pool}
    quota = {file: math.ceil(count * root / sum(roots.values())) for file, root in roots.items()}
    return [slip for file in roots for slip in _spread(pools[file], quota[file], np.random.default_rng(SEED))]


def _spread(pool: list[Slip], count: int, rng) -> list[Slip]:
    """`count` of a file's slips: one of each kind in turn, and no two on a line while there are other lines."""
    kinds = defaultdict(list)
    for place in rng.permutation(len(pool)):
        kinds[pool[place].kind].append(pool[place])
    order = [slip for turn in range(len(pool)) for kind in sorted(kinds) for slip in kinds[kind][turn : turn + 1]]
    fresh = list({slip.line: slip for slip in reversed(order)}.values())[::-1]
    rest = [slip for slip in order if slip not in fresh]
    return list(itertools.islice(filter(works, fresh + rest), count))


def verdict(slip: Slip, base) -> Outcome:
    """`judge`, but a slip that keeps the tests from starting is noticed too."""
    try:
        return judge(slip, base, TIMEOUT)
    except RuntimeError as error:
        return Outcome(slip, re.sub(r"\s+", " ", str(error))[-100:], 0.0)


def main(words) -> int:
    """Print a line per mutant as it is judged, and the survivors last; 1 if there are any."""
    counts = [int(word) for word in words if word.isdigit()]
    chosen = sample(*(counts or [SAMPLE]), words=tuple(w for w in words if w != "--list" and not w.isdigit()))
    if "--list" in words:
        print(*chosen, f"{len(chosen)} mutants", sep="\n")
        return 0
    start, survivors = time.perf_counter(), []
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder, ThreadPoolExecutor(WORKERS) as pool:
        base = copy_of_project(Path(folder))
        check_source(base, chosen)
        print(f"{time.perf_counter() - start:5.1f} s  the source as it is passes all of these tests", flush=True)
        for slip, future in [(slip, pool.submit(verdict, slip, base)) for slip in chosen]:
            _, by, seconds = future.result()
            survivors += [] if by else [slip]
            print(f"{seconds:5.1f} s  {'killed  ' if by else 'SURVIVED'}  {slip}   {by or ''}", flush=True)
    print(f"\n{len(chosen) - len(survivors)} of {len(chosen)} killed in {time.perf_counter() - start:.0f} s")
    print(*(f"survivor: {slip.key}" for slip in survivors), sep="\n")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
