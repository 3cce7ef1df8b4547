"""The claims of own_claims.py as tests, by the documented three lines; and none of them is longer than 15 lines."""

import ast
import inspect

import pytest

from minicrest.theory import pytest_claims
from tests.theory import own_claims
from tests.theory.own_claims import CLAIMS

pytestmark = pytest.mark.theory
TestClaims = pytest_claims(CLAIMS)


def test_each_is_written_in_at_most_15_lines():
    functions = [node for node in ast.parse(inspect.getsource(own_claims)).body if isinstance(node, ast.FunctionDef)]
    lines = {node.name: node.end_lineno - node.lineno + 1 for node in functions}
    assert len(lines) == len(CLAIMS) == 5 and max(lines.values()) <= 15, lines
