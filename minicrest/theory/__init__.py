"""The theory: each bound a function (the modules of bounds), each claim an experiment that could fail (claims)."""

from minicrest.theory import bounds, family_bounds, thinning_bounds

__all__ = ["bounds", "family_bounds", "thinning_bounds"]
