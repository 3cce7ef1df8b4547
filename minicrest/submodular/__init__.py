"""Choosing representatives: set functions, their greedy maximisers, and weighted coresets from features."""

from minicrest.submodular.facility import Medoids, facility_location, quotas
from minicrest.submodular.functions import (
    DisparityMin,
    DisparitySum,
    FacilityLocation,
    GraphCut,
    LogDeterminant,
    SetFunction,
)
from minicrest.submodular.greedy import Selection, greedi, greedy, lazy_greedy, stochastic_greedy

__all__ = [
    "DisparityMin", "DisparitySum", "FacilityLocation", "GraphCut", "LogDeterminant", "Medoids", "Selection",
    "SetFunction", "facility_location", "greedi", "greedy", "lazy_greedy", "quotas", "stochastic_greedy",
]  # fmt: skip
