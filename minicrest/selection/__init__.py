"""The methods, each in a file that reads like its algorithm box; METHODS maps a name to its class."""

from typing import TYPE_CHECKING

from minicrest.selection.adacore import AdaCore
from minicrest.selection.craig import Craig
from minicrest.selection.crest import Crest
from minicrest.selection.dynamic import UCB, EpsilonGreedy, RandomDynamic
from minicrest.selection.el2n import EL2N, GraNd
from minicrest.selection.forgetting import Forgetting
from minicrest.selection.fresh import Fresh
from minicrest.selection.glister import Glister
from minicrest.selection.gradmatch import GradMatch
from minicrest.selection.infobatch import InfoBatch
from minicrest.selection.method import Method
from minicrest.selection.milo import Milo
from minicrest.selection.random import Full, Random
from minicrest.selection.selective_backprop import SelectiveBackprop
from minicrest.selection.thinning import Thinning

if TYPE_CHECKING:
    from minicrest.experiments.check_method import check_method

METHODS: dict[str, type[Method]] = {
    "full": Full, "random": Random, "crest": Crest, "craig": Craig, "adacore": AdaCore, "gradmatch": GradMatch,
    "glister": Glister, "milo": Milo, "random-dynamic": RandomDynamic, "epsilon-greedy": EpsilonGreedy, "ucb": UCB,
    "el2n": EL2N, "grand": GraNd, "forgetting": Forgetting, "infobatch": InfoBatch,
    "selective-backprop": SelectiveBackprop, "fresh": Fresh, "thinning": Thinning,
}  # fmt: skip
__all__ = [
    "EL2N", "METHODS", "UCB", "AdaCore", "Craig", "Crest", "EpsilonGreedy", "Forgetting", "Fresh", "Full", "Glister",
    "GraNd", "GradMatch", "InfoBatch", "Method", "Milo", "Random", "RandomDynamic", "SelectiveBackprop", "Thinning",
    "check_method",
]  # fmt: skip


def __getattr__(name: str):
    if name == "check_method":  # the one door to a higher floor, opened only when it is asked for
        from minicrest.experiments.check_method import check_method

        return check_method
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
