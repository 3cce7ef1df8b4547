"""MILO's preparations in a file: made once, for any number of trainings, comparisons and tunings on the same data."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

from minicrest import checkpoint as checkpoints
from minicrest.arguments import shown
from minicrest.experiments.parts import Parts, described
from minicrest.experiments.setup import Setup
from minicrest.selection.milo import Milo, Prepared

if TYPE_CHECKING:
    from minicrest.experiments.compare import Plan

RECIPE = ("fraction", "n_subsets", "lam", "eps", "encoder")  # what a preparation has settled


@dataclass(frozen=True, eq=False)
class Preparations:
    """A preparation for each set of training examples: `prepared` maps its Dataset's fingerprint to it.

    Seeds that hold out or transform other examples have preparations of their own; all others share one. data: what the
    examples are called.  seconds: what each of them took; no question was asked of a network, so their bill is 0.
    """

    data: str
    prepared: dict[str, Prepared]
    seconds: dict[str, float]

    @staticmethod
    def of(setups: Sequence[Setup]) -> Preparations:
        """What MILO prepares in the first training of these setups on each set of examples, bit for bit."""
        prepared: dict[str, Prepared] = {}
        seconds: dict[str, float] = {}
        for setup in setups:
            method, oracle, *_ = setup.build()
            name = oracle.identity()["data"]
            if name not in prepared:
                begun = time.perf_counter()
                prepared[name] = method.init(oracle).prepared
                seconds[name] = time.perf_counter() - begun
        return Preparations(setups[0].data_name, prepared, seconds)

    @property
    def digest(self) -> str:
        """16 hex digits that no other preparations have: part of the settings of every run that uses them."""
        text = repr(sorted((name, each.digest) for name, each in self.prepared.items()))
        return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()

    def save(self, path) -> None:
        """Write an .npz of plain arrays."""
        checkpoints.save(path, self)

    @staticmethod
    def load(path) -> Preparations:
        """What `save` wrote. Raises FileNotFoundError, and ValueError for a damaged file or one of another kind."""
        if not os.path.exists(path):
            raise FileNotFoundError(f"prepared: there is no file {path}; minicrest prepare writes one")
        tree = checkpoints.load(path)
        if not isinstance(tree, Preparations) or not tree.plausible():
            raise ValueError(f"{path} is not what minicrest prepare writes, but {shown(tree)}; prepare again")
        return tree

    def plausible(self) -> bool:
        """Whether the dictionaries hold what they should, which a damaged file's need not."""
        known = all(isinstance(each, Prepared) for each in self.prepared.values())
        return known and bool(self.prepared) and self.prepared.keys() == self.seconds.keys()

    @staticmethod
    def given(prepared) -> Preparations | None:
        """`prepared` itself, or what is in the file of that name; None for None."""
        if prepared is None or isinstance(prepared, Preparations):
            return prepared
        if not isinstance(prepared, (str, os.PathLike)):
            raise TypeError(f"prepared must be Preparations or the path of their file, got {shown(prepared)}")
        return Preparations.load(prepared)

    def applied(self, plans: Sequence[Plan]) -> list[Plan]:
        """The plans, those of MILO with the preparation for their examples.

        Raises ValueError where there is no MILO among them, none for their examples, or another recipe is asked for.
        """
        if not any(plan.setup.method == "milo" for plan in plans):
            raise ValueError("prepared subsets are for the method milo, which is not among the methods; add it")
        fingerprints: dict[tuple, str] = {}
        return [self._applied(plan, fingerprints) if plan.setup.method == "milo" else plan for plan in plans]

    def _applied(self, plan, fingerprints) -> Plan:
        setup, parts = plan.setup, plan.parts
        deciding = (setup.seed, setup.validation, setup.test, setup.tuning, setup.transform, setup.data)
        if deciding not in fingerprints:
            fingerprints[deciding] = setup.build(parts)[1].identity()["data"]
        prepared = self.prepared.get(fingerprints[deciding])
        if prepared is None:
            raise ValueError(f"{plan.label}, seed {setup.seed}: the subsets were prepared for {self._examples()}, and "
                             f"not for the examples of {setup.data_name} that are trained on here; prepare again, with "
                             "the same --data, --validation, --test, --transform, --seeds, --tune-seeds")  # fmt: skip
        method = self._method(prepared, setup, parts)
        return replace(plan, setup=replace(setup, hyper=described(method)[1]), parts=replace(parts, method=method))

    def _method(self, prepared: Prepared, setup: Setup, parts: Parts) -> Milo:
        asked = setup.build_method(parts)
        method = Milo.from_prepared(prepared, asked.m, asked.kappa, asked.R, asked.normalize)
        other = [f"{name} {value}" for name, value in setup.hyper if name in RECIPE and value != getattr(method, name)]
        if other:
            there = ", ".join(f"{name} {getattr(method, name)}" for name in RECIPE)
            raise ValueError(f"{', '.join(other)}: the subsets were prepared with {there}; leave it out, or prepare "
                             "again")  # fmt: skip
        method = replace(method, digest=self.digest)
        vars(method)["prepared"] = prepared  # as from_prepared does
        return method

    def _examples(self) -> str:
        sizes = sorted({len(each.classes) for each in self.prepared.values()})
        count = f" in {len(self.prepared)} selections" if len(self.prepared) > 1 else ""
        return f"{' or '.join(f'{size:,}' for size in sizes)} examples of {self.data}{count}"

    def text(self) -> str:
        """What was prepared and what it took, in a sentence."""
        each = next(iter(self.prepared.values()))
        recipe = ", ".join(f"{name} {getattr(each, name)}" for name in RECIPE if name in {f.name for f in fields(each)})
        number, k = each.easy.shape
        seconds = sum(self.seconds.values())
        return (f"prepared {self._examples()} in {seconds:.2f} s: {number} easy subsets of {k:,} and the "
                f"probabilities of the varied ones ({recipe}); bill 0, for no network was asked")  # fmt: skip

    def note(self, plans: Sequence[Plan]) -> str:
        """What was prepared for these plans, which were `applied`, once and for each of them, in a sentence."""
        methods = [plan.parts.method for plan in plans if plan.setup.method == "milo"]
        used = {id(method.prepared) for method in methods}
        seconds = sum(self.seconds[name] for name, each in self.prepared.items() if id(each) in used)
        count = len(methods)
        shared = f", {seconds / count:.3g} s for each of the {count} runs here" if count > 1 else ""
        return (f"milo's subsets were prepared beforehand, once, in {seconds:.2f} s{shared}, which its seconds do not "
                "include. Their bill is 0, for no network was asked.")  # fmt: skip
