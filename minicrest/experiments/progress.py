"""Bars on a terminal, for what takes more than two seconds: many runs in turn, and the preparation of a method."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from tqdm import tqdm

DELAY = 2  # seconds that show no bar
RUNS = "{desc} {percentage:3.0f}%|{bar}| {elapsed} so far, about {remaining} more"
PREPARATION = "{desc} {percentage:3.0f}% of its bill|{bar}| {elapsed} so far, at most {remaining} more"
UNLIMITED = "{desc}, a bill of {n:,.0f}, {elapsed} so far"


class RunBar:
    """The bar of `plans` that are carried out in turn, each as long as the training that it asks for.

    A run that lies in the folder `out` already takes no time. silent: None for a bar on terminals only, True for none.
    """

    def __init__(self, plans, out, silent: bool | None):
        self.plans, self.parts = plans, [part(plan, out) for plan in plans]
        self.done, self.elapsed = 0.0, 0.0  # parts, and the seconds that they took
        self._start = self._since = time.monotonic()
        self._steps = 0
        self._bar = tqdm(total=sum(self.parts) or 1.0, disable=silent, delay=DELAY, miniters=0, smoothing=0,
                         leave=False, bar_format=RUNS)  # fmt: skip

    def begin(self, k: int) -> None:
        """Plan k begins."""
        self._k, self._steps, self._since = k, 0, time.monotonic()

    def step(self) -> None:
        """A step, or a question of the preparation: the bar moves on as earlier runs let expect."""
        self._steps += 1
        plan = self.plans[self._k]
        self._bar.set_description_str(f"run {self._k + 1} of {len(self.plans)}: {plan.label}, seed {plan.setup.seed}, "
                                      f"{self._steps} steps", refresh=False)  # fmt: skip
        expected = self.expected(time.monotonic() - self._since)
        self._bar.update(max(0.0, self.done + expected - self._bar.n))

    def expected(self, seconds: float) -> float:
        """What of the running plan's part `seconds` should have done, at the pace of the runs before it; not all."""
        pace = self.done / self.elapsed if self.elapsed else 0.0
        return min(0.95 * self.parts[self._k], pace * seconds)

    def end(self) -> None:
        """The plan that began last is done."""
        self.done += self.parts[self._k]
        self.elapsed += (time.monotonic() - self._since) if self.parts[self._k] else 0.0
        self._bar.update(max(0.0, self.done - self._bar.n))

    def __enter__(self) -> RunBar:
        return self

    def __exit__(self, *_) -> None:
        self._bar.close()


def part(plan, out) -> float:
    """How much of full training's work a plan asks for; nothing where its run lies in the folder `out` already."""
    if out is not None and (Path(plan.setup.folder(out)) / "run.npz").exists():
        return 0.0
    return 1.0 if plan.setup.method == "full" else plan.setup.budget


def announced(stop: Callable[[], bool], oracle, bill: int | None, progress: bool) -> Callable[[], bool]:
    """`stop`, which a training asks, with a bar while the method still prepares: by what it has billed.

    bill: the most it may come to; None for no limit, and then nothing is known of the time left.
    """
    bars: list[tqdm] = []

    def asked() -> bool:
        preparing = oracle.ledger.stop is not None
        if preparing and not bars and progress:
            bars.append(tqdm(total=bill, disable=None, delay=DELAY, miniters=0, smoothing=0, leave=False,
                             desc="preparing", bar_format=PREPARATION if bill else UNLIMITED))  # fmt: skip
        for bar in bars:
            bar.update(oracle.ledger.cost - bar.n)
        if not preparing and bars:
            bars.pop().close()
        return stop()

    return asked
