"""minicrest: data-efficient training from first principles, on NumPy or, unchanged, on CuPy."""

from importlib import import_module

__version__ = "0.1.0"
_HOMES = {  # what can be had from here, imported when it is first asked for
    "backend": ["to_device"], "datasets": ["Dataset", "load"], "experiments": ["Setup", "compare"],
    "estimators": ["CoresetClassifier", "CoresetSampler", "CoresetSelector"],
    "nn": ["Network", "lenet", "mlp", "resnet20"], "optim": ["SGD", "AdamW"], "oracle": ["Oracle"], "run": ["Run"],
    "selection": ["METHODS", "check_method"], "submodular": ["facility_location", "greedy"],
}  # fmt: skip
__all__ = ["train", *(name for names in _HOMES.values() for name in names)]


def __getattr__(name: str):
    if name == "train":  # the module, which can be called
        return import_module("minicrest.train")
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"minicrest.{home}"), name)
    raise AttributeError(f"module 'minicrest' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
