"""The networks by name, and what suits each data set where that is not the default of a Setup."""

from typing import Any

MODELS = ("mlp", "logistic", "lenet", "resnet8", "resnet20")
_IMAGES = dict(model="lenet", lr=0.05, weight_decay=5e-4)
_TEXT = dict(hidden=(64,), m=64, epochs=20, lr=0.5)
PRESETS: dict[str, dict[str, Any]] = {  # where a data set wants something other than Setup's own defaults
    "digits": dict(m=32),
    "digits-images": dict(m=32),
    "blobs": dict(model="logistic", m=32, epochs=20),
    "spirals": dict(hidden=(64, 64), m=32, epochs=60),
    "cifar10": dict(**_IMAGES),
    "mnist": dict(**_IMAGES, epochs=10),
    "mnist10k": dict(**_IMAGES),
    "trec": _TEXT,
    "subj": _TEXT,
    "rt-polarity": _TEXT,
}
