"""The methods, each in a file that reads like its algorithm box; METHODS maps a name to its class."""

from minicrest.selection.adacore import AdaCore
from minicrest.selection.craig import Craig
from minicrest.selection.crest import Crest
from minicrest.selection.full import Full
from minicrest.selection.glister import Glister
from minicrest.selection.gradmatch import GradMatch
from minicrest.selection.milo import Milo
from minicrest.selection.random import Random

METHODS = {
    "full": Full,
    "random": Random,
    "crest": Crest,
    "craig": Craig,
    "adacore": AdaCore,
    "gradmatch": GradMatch,
    "glister": Glister,
    "milo": Milo,
}
__all__ = ["METHODS", "AdaCore", "Craig", "Crest", "Full", "Glister", "GradMatch", "Milo", "Random"]
