"""The networks by name, what suits each data set where that is not the default of a Setup, and the papers' settings."""

from typing import Any

from minicrest.arguments import one_of

MODELS = ("mlp", "logistic", "lenet", "resnet8", "resnet20")
_IMAGES = dict(model="lenet", lr=0.05, weight_decay=5e-4)
_TEXT = dict(hidden=(64,), m=64, epochs=20, lr=0.5)
PRESETS: dict[str, dict[str, Any]] = {  # where a data set wants something other than Setup's own defaults
    "digits": dict(m=32),
    "digits-images": dict(m=32),
    "blobs": dict(model="logistic", m=32, epochs=20),
    "spirals": dict(hidden=(64, 64), m=32, epochs=60),
    "cifar10": dict(**_IMAGES),
    "cifar100": dict(**_IMAGES),
    "tinyimagenet": dict(**_IMAGES),
    "mnist": dict(**_IMAGES, epochs=10),
    "mnist10k": dict(**_IMAGES),
    "trec": _TEXT,
    "subj": _TEXT,
    "rt-polarity": _TEXT,
    "snli": dict(**_TEXT | dict(m=128, epochs=10)),
}

# The papers' settings. On CIFAR-10 those of the CREST paper, whose table compares the methods with ResNet-20; each
# chooses a tenth of the data anew in every epoch (AdaCore, in its own paper, a hundredth), and the weight decay is that
# of its released code. On CIFAR-100 and Tiny ImageNet likewise, but for the networks: the paper's are ResNet-18 and
# ResNet-50. On SNLI it fine-tunes RoBERTa; the preset has its batches, epochs and what CREST takes, and leaves out its
# learning rate (AdamW's, 0.00001), with which a small network would learn nothing. On MNIST those of CRAIG, as far as
# they can be had here: the paper's network has sigmoids in place of ReLU, and the number of epochs is that of its
# released code.
_RESNET = dict(model="resnet20", m=128, epochs=200, equal="steps", budget=0.1, lr=0.1, momentum=0.9,
               weight_decay=1e-4, schedule="steps")  # fmt: skip
PAPERS: dict[str, dict[str, Any]] = {
    "cifar10": _RESNET,
    "cifar100": _RESNET,
    "tinyimagenet": _RESNET,
    "snli": dict(m=32, epochs=8, equal="steps", budget=0.1),
    "mnist": dict(model="mlp", hidden=(100,), m=10, epochs=15, equal="steps", budget=0.5, lr=0.01, momentum=0.0,
                  weight_decay=1e-4, schedule="constant"),
}  # fmt: skip
_CREST: dict[str, Any] = dict(r=500, tau=0.05, h=1.0, b=5.0, alpha=0.1, T2=20, lazy=False, floor=0.0)
_TENTH: dict[str, dict[str, Any]] = {name: dict(fraction=0.1, R=1) for name in ("craig", "gradmatch", "glister")}
PAPER_HYPER: dict[str, dict[str, dict[str, Any]]] = {
    "cifar10": {"crest": _CREST, **_TENTH, "adacore": dict(fraction=0.01, R=1, b_H=64),
                "infobatch": dict(q=0.5, delta=0.875)},
    "cifar100": {"crest": _CREST | dict(tau=0.01, h=10.0), **_TENTH, "infobatch": dict(q=0.5, delta=0.875)},
    "tinyimagenet": {"crest": _CREST | dict(r=1000, tau=0.005), **_TENTH},
    "snli": {"crest": _CREST | dict(r=2746, h=4.0)},  # 0.005 n, of 549,367 pairs with a label
    "mnist": {"craig": dict(fraction=0.5, R=1)},
}  # fmt: skip


def paper_fields(data: str) -> dict[str, Any]:
    """The fields of a Setup that a paper gives for a data set. Raises ValueError where none does."""
    one_of("data of --preset paper", data, tuple(PAPERS))
    return PAPERS[data]


def with_papers(hyper: dict[str, tuple], data: str) -> dict[str, tuple]:
    """Method -> (name, value) pairs: those that the papers give for a data set, and before them what `hyper` gives."""
    papers = PAPER_HYPER[data]
    return {method: tuple({**papers.get(method, {}), **dict(pairs)}.items()) for method, pairs in hyper.items()}
