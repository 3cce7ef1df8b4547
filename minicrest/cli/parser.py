"""A parser that gets its options when they are needed, and whose errors are a ValueError of one line."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

DIVERGED = 3
STOPPED = 130  # what a shell reports of a program that Ctrl-C ended
EXIT_CODES = """exit codes:
  0    done
  1    a claim of theory, or a method that is checked, does not hold
  2    bad arguments, files that are missing, damaged or another training's, a run given up: one line says which
  3    done, but a run diverged: its losses or parameters stopped being finite; table and picture mark it
  130  stopped by Ctrl-C; the last line says how to go on"""
STYLE: dict[str, Any] = {"epilog": EXIT_CODES, "formatter_class": argparse.RawDescriptionHelpFormatter}


class Parser(argparse.ArgumentParser):
    """An ArgumentParser whose errors are a ValueError of one line.

    `fill`, if there is one, adds the options; it is called once, with the parser, before the first arguments are read.
    """

    fill: Callable[[Parser], None] | None = None

    def parse_known_args(self, args=None, namespace=None):
        """As ArgumentParser's, once the options are there."""
        self.filled()
        return super().parse_known_args(args, namespace)

    def filled(self) -> Parser:
        """This parser, with its options."""
        fill, self.fill = self.fill, None
        if fill:
            fill(self)
        return self

    def error(self, message):
        """Raise ValueError: the caller prints it, without the usage."""
        raise ValueError(f"{message} (see {self.prog} --help)")


class Completion(argparse.Action):
    """An option that prints the completion of the whole command line for a shell, and ends."""

    def __call__(self, parser, namespace, values, option_string=None):
        """Print it. Raises ValueError where shtab, which writes it, is not installed."""
        try:
            import shtab
        except ImportError:
            parser.error(f"{option_string} needs shtab: pip install shtab")
        for action in parser._actions:
            for one in action.choices.values() if isinstance(action.choices, dict) else ():
                one.filled()
        print(shtab.complete(parser, values))
        parser.exit()
