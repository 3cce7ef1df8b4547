"""Wrong answers made by machine: a solution with one slip, of the kinds that people make.

    for text in slips("def f(x): return x.mean(axis=0)"): ...

Each slip changes one place: a sign, a comparison, an axis, mean for sum, a transposition, a range off by one, a factor
or a term left out, a root, a logarithm or a square forgotten, results exchanged or missing.
"""

import ast
import copy
from collections.abc import Iterator

SIGNS = {ast.Add: ast.Sub, ast.Sub: ast.Add}
COMPARED = {ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt}
INSTEAD = {"sum": "mean", "mean": "sum", "argmax": "argmin", "argmin": "argmax", "maximum": "minimum",
           "minimum": "maximum", "any": "all", "all": "any", "ceil": "floor", "std": "var"}  # fmt: skip
DROPPED = {ast.Mult: ("left", "right"), ast.Add: ("left", "right"), ast.Div: ("left",), ast.Sub: ("left",)}



def slips(source: str) -> Iterator[str]:
    """The function `source` with one slip, many times, each a source of its own."""
    seen = {ast.unparse(ast.parse(source))}
    for k in range(sum(1 for _ in ast.walk(ast.parse(source)))):
        for variant in range(4):
            tree = ast.parse(source)
            node = list(ast.walk(tree))[k]
            change = _changes(tree, node)[variant : variant + 1]
            if change:
                change[0]()
                text = ast.unparse(ast.fix_missing_locations(tree))
                if text not in seen:
                    seen.add(text)
                    yield text


def _changes(tree, node) -> list:
    """Functions without arguments, each of which makes one slip at `node`."""
    if isinstance(node, ast.BinOp):
        return _of_product(tree, node)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return [lambda: _replace(tree, node, node.operand)]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Invert):
        return [lambda: _replace(tree, node, node.operand)]
    if isinstance(node, ast.Compare) and type(node.ops[0]) in COMPARED:
        return [lambda: node.ops.__setitem__(0, COMPARED[type(node.ops[0])]())]
    if isinstance(node, ast.keyword) and node.arg == "axis" and isinstance(node.value, ast.Constant):
        return [lambda: setattr(node, "value", ast.Constant(1 - node.value.value))]
    if isinstance(node, ast.Attribute) and node.attr == "T":
        return [lambda: _replace(tree, node, node.value)]
    if isinstance(node, ast.Attribute) and node.attr in INSTEAD:
        return [lambda: setattr(node, "attr", INSTEAD[node.attr])]
    if isinstance(node, ast.Call) and getattr(node.func, "attr", "") in ("sqrt", "log"):
        return [lambda: _replace(tree, node, node.args[0])]
    if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "range":
        return [lambda: _shift(node.args[min(len(node.args) - 1, 1)], 1), lambda: _shift(node.args[0], -1)]
    if isinstance(node, ast.Return) and isinstance(node.value, ast.Tuple):
        return [lambda: node.value.elts.reverse(), lambda: node.value.elts.pop()]
    return []


def _of_product(tree, node) -> list:
    changes = [lambda side=side: _replace(tree, node, getattr(node, side)) for side in DROPPED.get(type(node.op), ())]
    if type(node.op) in SIGNS:
        changes.append(lambda: setattr(node, "op", SIGNS[type(node.op)]()))
    if isinstance(node.op, ast.Pow):
        changes.append(lambda: _replace(tree, node, node.left))
    return changes


def _shift(node, by: int) -> None:
    """`node` + by, in place."""
    old = copy.deepcopy(node)
    node.__class__ = ast.BinOp
    node.__dict__.clear()
    node.__dict__.update(left=old, op=ast.Add(), right=ast.Constant(by))


def _replace(tree, old, new) -> None:
    for parent in ast.walk(tree):
        for name, value in ast.iter_fields(parent):
            if value is old:
                setattr(parent, name, copy.deepcopy(new))
            elif isinstance(value, list):
                value[:] = [copy.deepcopy(new) if item is old else item for item in value]
