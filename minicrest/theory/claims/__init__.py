"""What the papers prove and quietly assume, as experiments that could fail: CLAIMS, all of them.

bounds.py and family_bounds.py have the bounds; each module here has the claims of a topic, base.py what a claim is,
chance.py exact tests of frequencies, report.py the table.
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
    pruning,
    rates,
    regions,
)
from minicrest.theory.claims.base import Claim, Verdict

CLAIMS = curvature.CLAIMS + regions.CLAIMS + minibatches.CLAIMS + convergence.CLAIMS + rates.CLAIMS  # CREST
CLAIMS += coresets.CLAIMS + greedy.CLAIMS + adacore.CLAIMS + milo.CLAIMS + pruning.CLAIMS + family.CLAIMS  # the others
__all__ = ["CLAIMS", "Claim", "Verdict"]
