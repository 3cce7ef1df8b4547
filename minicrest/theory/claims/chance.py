"""Exact tests of frequencies, which need no normal approximation: counts are binomial."""

from __future__ import annotations

import numpy as np

LEAST = 6e-7  # p-value below which a claim fails: that of |z| = 5, two-sided


def least_p(counts, times, chance) -> float:
    """The smallest two-sided p-value of counts (n,) in so many times (number or (n,)), each with its chance.

    Twice the smaller tail of the binomial: below p with a probability of at most p, for each of the n.
    """
    from scipy.special import bdtr, bdtrc

    counts, times = np.asarray(counts, dtype=np.float64), np.asarray(times, dtype=np.int64)
    above = np.where(counts > 0, bdtrc(np.maximum(counts - 1, 0), times, chance), 1.0)
    return float(2 * np.minimum(bdtr(counts, times, chance), above).min())
