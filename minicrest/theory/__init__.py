"""The theory: each bound a function (bounds, family_bounds), each claim an experiment that could fail (claims)."""

from minicrest.theory import bounds, family_bounds

__all__ = ["bounds", "family_bounds"]
