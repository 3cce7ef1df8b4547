"""A fresh generator for every purpose, so that there is no generator state to save, share or forget to save."""

import hashlib

import numpy as np


def stream(seed: int, *purpose: str | int) -> np.random.Generator:
    """The generator of `purpose`, a path of words and counters such as stream(seed, "crest", "subset", region).

    The same pair gives the same numbers, on every device; any other pair gives others.
    """
    wholes = (int, np.integer)
    legal = isinstance(seed, wholes) and not isinstance(seed, bool)
    if not (legal and all(isinstance(part, (str, *wholes)) for part in purpose)):
        raise TypeError(f"a seed is a whole number, a purpose words and whole numbers, got {seed, *purpose}")
    path = (int(seed), *(p if isinstance(p, str) else int(p) for p in purpose))
    digest = hashlib.blake2b(repr(path).encode(), digest_size=16).digest()
    return np.random.default_rng(int.from_bytes(digest, "little"))
