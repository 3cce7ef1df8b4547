"""What the papers claim, each claim measured again by one command: `minicrest paper NAME`.

An experiment is a file of this folder with an EXPERIMENT (see engine.py), whose name is that of the file, with hyphens.
"""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Iterator, Mapping

from minicrest.experiments.paper.engine import Experiment

NAMES = (
    "crest-table-1",
    "crest-table-1-cifar10",
    "crest-beside-random",
    "crest-table-2",
    "crest-table-5",
    "crest-speed-up",
    "crest-ablations",
    "crest-bias-and-variance",
    "crest-periods",
    "crest-examples",
    "crest-batch-sizes",
    "doubled-step",
    "adacore-speed",
    "adacore-imbalanced",
    "milo-training",
    "milo-tuning",
    "dynamic-pruning",
    "craig-speed",
    "infobatch",
    "thinning",
)  # fmt: skip


class Experiments(Mapping):
    """Name -> Experiment; a file is imported when its experiment is asked for."""

    def __getitem__(self, name: str) -> Experiment:
        if name not in NAMES:
            raise KeyError(name)
        return importlib.import_module(f"{__name__}.{name.replace('-', '_')}").EXPERIMENT

    def __iter__(self) -> Iterator[str]:
        return iter(NAMES)

    def __len__(self) -> int:
        return len(NAMES)

    def called(self, name: str) -> Experiment:
        """The experiment `name`. Raises ValueError, with the names that there are, for another."""
        if name not in NAMES:
            near = difflib.get_close_matches(str(name), NAMES, n=1)
            hint = f" (did you mean {near[0]!r}?)" if near else ""
            raise ValueError(f"no experiment is called {name!r}{hint}; there are {', '.join(NAMES)}")
        return self[name]


EXPERIMENTS = Experiments()
