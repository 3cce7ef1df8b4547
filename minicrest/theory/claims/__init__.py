"""What the papers prove and quietly assume, as experiments that could fail: CLAIMS, all of them.

bounds.py and its neighbours have the bounds; each module here has the claims of a topic, base.py what a claim is,
chance.py exact tests of frequencies, verdicts.py several comparisons as one, report.py the table.
"""

from minicrest.theory.claims import (
    adacore,
    convergence,
    coresets,
    curvature,
    family,
    greedy,
    milo,
    minibatches,
    models,
    pruning,
    rates,
    regions,
    set_functions,
    thinning,
)
from minicrest.theory.claims.base import Claim, Verdict

TOPICS = (
    curvature, models, regions, minibatches, convergence, rates, thinning,  # CREST and what pays
    coresets, greedy, set_functions, adacore, milo, pruning, family,  # the others
)  # fmt: skip
CLAIMS: tuple[Claim, ...] = tuple(claim for topic in TOPICS for claim in topic.CLAIMS)
__all__ = ["CLAIMS", "Claim", "Verdict"]
