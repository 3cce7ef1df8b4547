"""What the letters of the bounds may be, checked before every bound: `checked` goes by the names of the parameters."""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from minicrest.arguments import dense, flag, number, shown, whole

F = TypeVar("F", bound=Callable[..., Any])
SYMMETRIC = 1e-8  # how far, relative to the largest entry, H_ij may be from H_ji


def checked(bound: F) -> F:
    """The bound with its arguments checked, and lists made arrays, by MEANINGS.

    A name with a meaning of its own in one bound stands there as "bound.name". Raises ValueError and TypeError that
    name the argument; KeyError, when the bound is defined, for a parameter without a meaning.
    """
    signature = inspect.signature(bound)
    meanings = {p: MEANINGS.get(f"{bound.__name__}.{p}") or MEANINGS[p] for p in signature.parameters}

    @functools.wraps(bound)
    def _decorated(*arguments, **named):
        given = signature.bind(*arguments, **named)
        for name, value in given.arguments.items():
            given.arguments[name] = meanings[name](name, value)
        return bound(*given.args, **given.kwargs)

    return _decorated  # type: ignore[return-value]


def array(name: str, value, dims: tuple[int, ...], interval: str = "(-inf, inf)", empty: bool = False) -> np.ndarray:
    """`value` as a float64 array of so many dimensions, every entry inside `interval`.

    Raises TypeError for what is no table of numbers, ValueError for another shape, and for entries outside.
    """
    a = np.asarray(dense(name, value), dtype=np.float64)
    if a.ndim not in dims or not (a.size or empty):
        raise ValueError(f"{name} must have {' or '.join(map(str, dims))} dimensions and not be empty, got {a.shape}")
    if a.size:
        number(f"every entry of {name}", float(a.min() if np.isfinite(a).all() else np.nan), interval)
        number(f"every entry of {name}", float(a.max()), interval)
    return a


def hessian(name: str, value) -> np.ndarray:
    """`value` as a symmetric matrix (d, d). Raises ValueError for any other: the bounds would be silently wrong."""
    H = array(name, value, (2,))
    if H.shape[0] != H.shape[1] or np.abs(H - H.T).max() > SYMMETRIC * np.abs(H).max():
        raise ValueError(f"the Hessian {name} must be a symmetric matrix; got shape {H.shape}, and H_ij is not H_ji")
    return H


def places(name: str, value, n: int) -> np.ndarray:
    """`value` as indices into 0..n-1, or as a mask of n flags. Raises TypeError and ValueError."""
    a = np.asarray(dense(name, value))
    if a.ndim != 1 or (a.size and a.dtype.kind not in "iub"):
        raise TypeError(f"{name} must be indices of examples or a mask of {n} flags, got {shown(value)} of {a.dtype}")
    if a.dtype.kind == "b" and len(a) == n:
        return a
    if a.dtype.kind == "b" or (a.size and (a.min() < 0 or a.max() >= n)):
        raise ValueError(f"{name} must be indices in 0..{n - 1} or a mask of {n} flags, got {shown(value)}")
    return a.astype(np.int64)


def at_most(name: str, value, other: str, limit) -> None:
    """Raise ValueError unless value <= limit: what one argument allows another."""
    if value > limit:
        raise ValueError(f"{name} must be at most {other} = {limit}, got {value}")


def same_length(name: str, value, other: str, length: int) -> None:
    """Raise ValueError unless `value` has so many entries."""
    if len(value) != length:
        raise ValueError(f"{name} must have one entry for each of the {length} of {other}, got {len(value)}")


def curvature_sum(curvature, H) -> float:
    """sum_i h_i of a curvature h (d,), or of none (0)."""
    if np.ndim(curvature) or np.any(curvature):
        same_length("curvature", np.atleast_1d(curvature), "the rows of H", len(H))
    return float(np.sum(curvature))


def check_step(eta: float, L_s: float, eps: float) -> None:
    """Raise ValueError unless 0 < eta <= 1/L_s and eps < 1: what every derivation here needs."""
    if not eta * L_s <= 1 + 1e-12 or not eps < 1:
        raise ValueError(f"needs 0 < eta <= 1/L_s and 0 <= eps < 1, got eta L_s = {eta * L_s} and eps = {eps}")


def _numbers(interval: str, names: str) -> dict[str, Callable]:
    return {name: functools.partial(number, interval=interval) for name in names.split()}


def _wholes(least: int, names: str) -> dict[str, Callable]:
    return {name: functools.partial(whole, least=least) for name in names.split()}


def _arrays(dims: tuple[int, ...], interval: str, names: str) -> dict[str, Callable]:
    return {name: functools.partial(array, dims=dims, interval=interval) for name in names.split()}


MEANINGS: dict[str, Callable] = {
    **_numbers("(0, inf)", "error h b eta L_s mu nu alpha beta total longest R lam slope loss distance "
                           "M rate.N periods.H"),
    **_numbers("[0, inf)", "H0 start_error rho third D0 v eps bias sigma square C empty best start drift variance "
                           "mean_square largest excluded_gradient.alpha endpoint_error.loss match_error.lam "
                           "printed_tau.slope printed_tau.distance last_cut_gain.lam"),
    **_numbers("(0, 1]", "a"),
    **_numbers("(0, 1)", "failure stochastic_missed.eps"),
    **_numbers("[0, 1)", "q averaging.beta averaged_lag.beta averaged_error.beta"),
    **_numbers("[1, inf)", "cover_size.largest"),
    **_wholes(1, "probes m r n N k steps parts repeats cover_size.best never_seen.q"),
    **_wholes(0, "s e newton_distance.steps"),
    **_wholes(2, "el2n_range.C never_seen.n"),
    **_arrays((1,), "(-inf, inf)", "margins slopes curvatures target u"),
    **_arrays((1,), "[0, inf)", "residuals weights"),
    **_arrays((0, 1), "(-inf, inf)", "curvature"),
    **_arrays((0, 1), "[0, inf)", "quadratic_mean_square.v"),
    **_arrays((0, 1), "[0, 1]", "el2n_range.p"),
    **_arrays((1,), "[0, 1)", "inclusion_of_two.p"),
    **_arrays((1,), "[0, 1]", "effective_part.p"),
    **_arrays((1, 2), "(-inf, inf)", "history"),
    **_arrays((2,), "(-inf, inf)", "G similarity"),
    "match_error.G": functools.partial(array, dims=(2,), empty=True),
    "H": hessian,
    "normal": flag,
    "t": lambda name, value: value if isinstance(value, float) and value == math.inf else whole(name, value, 1),
    **dict.fromkeys(("S", "indices", "easy"), lambda name, value: value),  # by `places`, in the bound, which knows n
}  # fmt: skip
