"""The bill: a forward pass costs 1, a backward pass 2 and a Hessian product 4 per example, by phase, with seconds."""

import time
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field

from minicrest.arguments import text, whole
from minicrest.backend import synchronize

PRICE = {"forward": 1, "backward": 2, "hessian": 4}  # per example, in forward passes


class BillSpent(Exception):
    """A question or a step would exceed the limit of the bill; it was neither begun nor billed."""


class Stopped(Exception):
    """The training was asked to stop, so the next question was not answered."""


@dataclass
class Bill:
    """What one phase used: examples by kind, and seconds."""

    forward: int = 0
    backward: int = 0
    hessian: int = 0
    seconds: float = 0.0

    cost = property(lambda self: sum(p * getattr(self, kind) for kind, p in PRICE.items()), doc="In forward passes.")


@dataclass
class Ledger:
    """The bill, by phase: prepare, select, model, check, score (the method's) and train (the steps themselves)."""

    phases: dict[str, Bill] = field(default_factory=dict)
    device: str = "cpu"
    limit: float | None = None  # the largest bill, in forward-pass equivalents
    stop: Callable[[], bool] | None = field(default=None, init=False, repr=False, compare=False)  # True: Stopped
    _open: list[str] = field(default_factory=list, init=False, repr=False, compare=False)  # phases, the innermost last
    _since: float = field(default=0.0, init=False, repr=False, compare=False)

    cost = property(lambda self: sum(bill.cost for bill in self.phases.values()), doc="In forward-pass equivalents.")
    seconds = property(lambda self: sum(bill.seconds for bill in self.phases.values()), doc="All phases together.")

    def charge(self, forward: int = 0, backward: int = 0, hessian: int = 0) -> None:
        """Bill so many examples to the open phase (or "other"), or nothing and raise BillSpent or Stopped."""
        self.poll()
        counts = [whole(kind, n, 0) for kind, n in zip(PRICE, (forward, backward, hessian))]
        price = Bill(*counts).cost
        if self.limit is not None and self.cost + price > self.limit:
            raise BillSpent(f"{price} more than the {self.cost} billed so far would exceed the limit of {self.limit}")
        bill = self.phases.setdefault(self._open[-1] if self._open else "other", Bill())
        for kind, count in zip(PRICE, counts):
            setattr(bill, kind, getattr(bill, kind) + count)

    def poll(self) -> None:
        """Raise Stopped where `stop` says True."""
        if self.stop is not None and self.stop():
            raise Stopped

    @contextmanager
    def phase(self, name: str):
        """Bill what happens inside to `name`; a phase within a phase stops the outer one's clock."""
        self._tick()
        self._open.append(text("the name of a phase", name))
        try:
            yield
        finally:
            self._tick()
            self._open.pop()

    def _tick(self) -> None:
        synchronize(self.device)
        now = time.perf_counter()
        if self._open:
            self.phases.setdefault(self._open[-1], Bill()).seconds += now - self._since
        self._since = now
