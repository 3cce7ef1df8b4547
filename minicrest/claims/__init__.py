"""What the papers prove and quietly assume, as experiments that could fail: CLAIMS, all of them.

theory.py has the bounds; each module here has the claims of a topic, base.py what a claim is, report.py the table.
"""

from importlib.util import find_spec

from minicrest.claims import convergence, curvature, minibatches, regions
from minicrest.claims.base import Claim, Verdict

CLAIMS = curvature.CLAIMS + regions.CLAIMS + minibatches.CLAIMS + convergence.CLAIMS
if find_spec("minicrest.claims.coresets"):
    from minicrest.claims import coresets

    CLAIMS += coresets.CLAIMS
if find_spec("minicrest.claims.family"):
    from minicrest.claims import family

    CLAIMS += family.CLAIMS
__all__ = ["CLAIMS", "Claim", "Verdict"]
