"""What `minicrest methods` prints: each method with its paper, hyper-parameters and price, or the check of one."""

from __future__ import annotations

from minicrest.experiments import tables
from minicrest.experiments.options import defaults
from minicrest.experiments.parts import made, method_class
from minicrest.experiments.presets import PAPER_HYPER, PAPERS
from minicrest.selection import METHODS


def methods(arguments) -> int:
    """Carry out `minicrest methods` and return its exit code: 1 where a method that is checked breaks the contract."""
    if arguments.check:
        return _check(arguments.check)
    print(f"Prices are in {tables.RATE}; m examples a batch, n in all, k = fraction n kept.")
    for name, method in METHODS.items():
        takes = _assignments(defaults(method))
        print(f"\n{name}\n  paper   {method.paper}\n  takes   {takes}\n  costs   {method.price}")
        for data in (data for data, papers in PAPER_HYPER.items() if name in papers):
            print(f"  preset  --preset paper --data {data}: {_assignments(PAPER_HYPER[data][name])}")
    print("\nWhat --preset paper gives all methods on a data set:")
    print(*(f"  {data}: {_assignments(fields)}" for data, fields in PAPERS.items()), sep="\n")
    return 0


def _assignments(values: dict) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in values.items())


def _check(name: str) -> int:
    from minicrest.selection import check_method

    method = made(method_class(name), name, {})
    try:
        kept = check_method(method)
    except AssertionError as error:
        print(f"{name} does not keep the contract: {error}")
        return 1
    print(f"{name} keeps the contract:", *kept, sep="\n  ")
    return 0
