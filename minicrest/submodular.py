"""Set functions and their greedy maximisers."""

from minicrest.facility import Medoids, facility_location

__all__ = ["Medoids", "facility_location"]
