"""Optimisers, and schedules: functions from the part of training done after the step, in (0, 1], to a factor of lr.

What an optimiser remembers is a separate state, so that a checkpoint can hold it; `update` makes one step on `gradient`
(d,) with the learning rate lr * factor, and changes theta and the state's arrays IN PLACE.
"""

import math
from dataclasses import dataclass
from typing import Any

from minicrest import arguments
from minicrest.backend import array_module
from minicrest.threads import by_pieces, pieces

BLOCK = 1 << 16  # floats of each vector at a time on the host: theta, gradient and velocity then stay in cache


@dataclass(frozen=True)
class SGDState:
    """What SGD remembers."""

    velocity: Any  # (d,)


@dataclass(frozen=True)
class SGD:
    """v <- momentum v + (g + weight_decay w);   w <- w - lr factor v.   momentum 0 is plain gradient descent."""

    lr: float = 0.1
    momentum: float = 0.9
    weight_decay: float = 0.0

    def __post_init__(self):
        _require(self, lr="(0, inf)", momentum="[0, 1)", weight_decay="[0, inf)")

    def init(self, theta) -> SGDState:
        """The state before the first step from theta (d,): no velocity."""
        return SGDState(array_module(theta).zeros_like(arguments.shaped("theta", theta, None)))

    def update(self, theta, gradient, state: SGDState, factor: float = 1.0) -> SGDState:
        """One step of theta (d,) against the gradient (d,), in place."""
        velocity = arguments.like("state", state, "an SGDState, made by init", "velocity").velocity
        _check_step(velocity, theta, gradient, factor)

        def work(w, g, v):  # every entry on its own: no bit of the result depends on the cut
            v *= self.momentum
            v += g
            if self.weight_decay:
                v += self.weight_decay * w
            w -= (self.lr * factor) * v

        by_pieces(work, theta, gradient, velocity, slices=pieces(theta, BLOCK))
        return state


@dataclass(frozen=True)
class AdamWState:
    """What AdamW remembers."""

    first: Any  # (d,) moving average of g
    second: Any  # (d,) moving average of g^2
    count: int  # steps made


@dataclass(frozen=True)
class AdamW:
    """Adam with decoupled weight decay (Loshchilov, Hutter 2019).

    m <- beta1 m + (1 - beta1) g;   s <- beta2 s + (1 - beta2) g^2
    w <- w - lr factor (m / (1 - beta1^t) / (sqrt(s / (1 - beta2^t)) + eps) + weight_decay w)
    """

    lr: float = 1e-3
    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8
    weight_decay: float = 1e-2

    def __post_init__(self):
        _require(self, lr="(0, inf)", beta1="[0, 1)", beta2="[0, 1)", eps="(0, inf)", weight_decay="[0, inf)")

    def init(self, theta) -> AdamWState:
        """The state before the first step from theta (d,): zeros."""
        zeros = array_module(theta).zeros_like
        return AdamWState(zeros(arguments.shaped("theta", theta, None)), zeros(theta), 0)

    def update(self, theta, gradient, state: AdamWState, factor: float = 1.0) -> AdamWState:
        """One step of theta (d,) against the gradient (d,), in place but for the count."""
        arguments.like("state", state, "an AdamWState, made by init", "first", "second", "count")
        t, m, s = state.count + 1, state.first, state.second
        _check_step(m, theta, gradient, factor)
        m *= self.beta1
        m += (1 - self.beta1) * gradient
        s *= self.beta2
        s += (1 - self.beta2) * gradient * gradient
        step = m / (1 - self.beta1**t) / (array_module(theta).sqrt(s / (1 - self.beta2**t)) + self.eps)
        theta -= (self.lr * factor) * (step + self.weight_decay * theta)
        return AdamWState(m, s, t)


@dataclass(frozen=True)
class Constant:
    """The learning rate never changes."""

    def __call__(self, progress: float) -> float:
        return 1.0


@dataclass(frozen=True)
class StepDecay:
    """Linear warm-up over the first `warmup` of training, then `decay` at each milestone, as in the CREST paper."""

    warmup: float = 0.1
    milestones: tuple[float, ...] = (0.6, 0.85)
    decay: float = 0.1

    def __post_init__(self):
        _require(self, warmup="[0, 1]", decay="(0, 1]")
        for milestone in arguments.listed("milestones", self.milestones):
            arguments.number("each milestone of StepDecay, a part of the training,", milestone, "[0, 1]")

    def __call__(self, progress: float) -> float:
        warming = progress < self.warmup
        return progress / self.warmup if warming else self.decay ** sum(progress > m for m in self.milestones)


@dataclass(frozen=True)
class Cosine:
    """Linear warm-up over the first `warmup` of training, then half a cosine down to 0 (Loshchilov, Hutter 2017)."""

    warmup: float = 0.1

    def __post_init__(self):
        _require(self, warmup="[0, 1)")

    def __call__(self, progress: float) -> float:
        falling = 0.5 * (1 + math.cos(math.pi * (progress - self.warmup) / (1 - self.warmup)))
        return progress / self.warmup if progress < self.warmup else falling


SCHEDULES = {"constant": Constant, "steps": StepDecay, "cosine": Cosine}
OPTIMIZERS = {"sgd": SGD, "adamw": AdamW}


def _require(owner, **intervals: str) -> None:
    for name, interval in intervals.items():
        arguments.number(f"{name} of {type(owner).__name__}", getattr(owner, name), interval)


def _check_step(remembered, theta, gradient, factor) -> None:
    arguments.shaped("theta", theta, *remembered.shape)
    arguments.shaped("gradient", gradient, *remembered.shape)
    arguments.number("factor", factor)
