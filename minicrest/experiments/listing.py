"""What `minicrest methods` and `minicrest data` print: what there is, how to get the rest, the check of a method."""

from __future__ import annotations

from minicrest.datasets import available
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


def data(arguments) -> int:
    """List the data sets, and how to get those that are missing."""
    every = available(arguments.data_dir)
    rows = [row for row in every if not row[0].startswith("FILE")]
    there = [[name, "yes", where] for name, present, where, _ in rows if present]
    absent = [[name, "no", ""] for name, present, *_ in rows if not present]
    print(tables.columns([["name", "present", "where"], *there, *absent], right=False))
    for name, present, lacking, how in rows:
        if not present:
            print(f"\nTo get {name}: {how}\n  {lacking}")
    print("\nA file of your own: --data FILE, with --test 0.2 where it has no test part")
    print(*(f"  {name:9} {how}" for name, _, _, how in every if name.startswith("FILE")), sep="\n")
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
