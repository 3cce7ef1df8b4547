"""The network that a Setup names, for its data, with the loss that it asks for."""

from __future__ import annotations

import math
import os
from copy import copy

import numpy as np

from minicrest.datasets import Dataset
from minicrest.experiments.parts import is_content, network_of
from minicrest.experiments.presets import MODELS
from minicrest.nn import (
    Flatten,
    GeneralizedCrossEntropy,
    Linear,
    LogisticLoss,
    Network,
    SoftmaxCrossEntropy,
    lenet,
    mlp,
    resnet,
)


def named(model: str, data: Dataset, hidden: tuple[int, ...]) -> Network:
    """The network called `model`, for the data. Raises ValueError where it does not fit them."""
    shape, d, classes = data.shape, math.prod(data.shape), data.n_classes
    if is_content(model):
        raise ValueError(f"the network {model} was made in Python; go on from there, with the same network")
    if model not in MODELS:
        return network_of(model, shape, classes)
    if model == "mlp":
        return mlp((d, *hidden, classes))
    if model == "logistic":
        if classes != 2:
            raise ValueError(f"model logistic is for 2 classes, {data.name} has {classes}; use mlp")
        return Network([Flatten(), Linear(d, 1)] if len(shape) > 1 else [Linear(d, 1)], LogisticLoss())
    if len(shape) != 3:
        hint = "give grey images (n, h, w) as x[:, None]" if len(shape) == 2 else "use mlp"
        raise ValueError(f"model {model} takes images (c, h, w), {data.name} has {shape}; {hint}")
    return lenet(shape, classes) if model == "lenet" else resnet(int(model[6:]), shape, classes)


def doubting(network: Network, q: float) -> Network:
    """The network with the generalized cross-entropy. Raises ValueError where its loss is not the cross-entropy."""
    if type(network.loss) is not SoftmaxCrossEntropy:
        raise ValueError(f"q {q:g} replaces SoftmaxCrossEntropy, but the loss of this network is {network.loss!r}; "
                         "leave q at 0")  # fmt: skip
    network = copy(network)
    network.loss = GeneralizedCrossEntropy(q, network.loss.l2)
    return network


def check_memory(size: int, dtype: str) -> None:
    """Raise ValueError for a network whose training cannot fit: parameters, gradient, velocity and one more."""
    if not hasattr(os, "sysconf") or "SC_PHYS_PAGES" not in os.sysconf_names:
        return
    need, memory = 4 * size * np.dtype(dtype).itemsize, os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if need > memory:
        raise ValueError(f"a network of {size:,} parameters takes at least {need / 2**30:,.0f} GiB to train, and this "
                         f"machine has {memory / 2**30:,.0f} GiB; make it smaller")  # fmt: skip
