"""The tutorials: their graders, and their notebooks on the reader's disk (`minicrest tutorials`).

    from minicrest.teaching import check
    check("01.softmax", my_softmax)
"""

from minicrest.teaching.check import check, either, standing
from minicrest.teaching.milestones import earlier

__all__ = ["check", "earlier", "either", "standing"]
