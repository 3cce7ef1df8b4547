"""The command line. What a subcommand needs is imported when it is called, so that --help and --version come at once.

A subcommand is a row of COMMANDS here, a function in experiments/parser.py that adds its options, and a function in
commands.py that carries it out. What is wrong with the arguments, the files or the device is one line on stderr and
exit code 2.
"""

from __future__ import annotations

import importlib
import sys
from functools import partial

import minicrest
from minicrest.cli.parser import STOPPED, STYLE, Completion, Parser

COMMANDS = {  # name -> what it does
    "train": "train one network with one method; the same command again continues it",
    "compare": "compare methods over several seeds; finished runs are kept",
    "tune": "choose learning rate and batch size for every method, on training examples held out",
    "prepare": "prepare the subsets of milo once, for any number of trainings",
    "report": "write a comparison or a run as one page of HTML, with all that it shows inside",
    "show": "print and draw finished runs and comparisons again",
    "resume": "continue a stopped run with its own settings, to the same weights",
    "data": "list the data sets, and how to get those that are missing",
    "methods": "list each method's paper, hyper-parameters and price, or check one",
    "theory": "check what the papers prove, claim by claim, against this code",
    "paper": "measure again what the papers claim, each claim by its name",
    "tutorials": "write the notebooks to a folder, or grade answers",
}


def main(argv=None) -> int:
    """Run the command line `argv` (None: the process's own) and return its exit code: 0, 2, 3 or 130, see --help."""
    try:
        return _flushed(argv)
    except BrokenPipeError:  # the reader of a pipe has had enough
        return 0
    except (ValueError, TypeError, OSError, ImportError, MemoryError) as error:
        print(f"minicrest: error: {' '.join(str(error).split()) or type(error).__name__}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:  # outside the steps, where there is nothing to save
        print("minicrest: interrupted; the same command goes on from what was saved", file=sys.stderr)
        return STOPPED


def _flushed(argv) -> int:
    """The exit code of the command; what it printed has reached stdout, or BrokenPipeError is raised here."""
    try:
        arguments = parser().parse_args(argv)
        return importlib.import_module("minicrest.cli.commands").execute(arguments)
    finally:
        if sys.stdout is not None:
            sys.stdout.flush()


def parser() -> Parser:
    """The parser of the whole command line; what it returns names the subcommand in `.command`."""
    top = Parser(prog="minicrest", description="Data-efficient training, always beside random selection.", **STYLE)
    top.add_argument("--version", action="version", version=f"minicrest {minicrest.__version__}")
    top.add_argument("--print-completion", action=Completion, choices=("bash", "zsh", "tcsh"),
                     help="print what completes these commands in your shell (needs shtab)")  # fmt: skip
    commands = top.add_subparsers(required=True, metavar=" | ".join(COMMANDS), dest="command")
    for name, what in COMMANDS.items():
        one = commands.add_parser(name, help=what, description=f"{what[0].upper()}{what[1:]}.", **STYLE)
        one.fill = partial(_add_options, name)
    return top


def _add_options(name: str, parser: Parser) -> None:
    getattr(importlib.import_module("minicrest.experiments.parser"), f"add_{name}")(parser)
