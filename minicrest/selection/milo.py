"""MILO: subsets chosen before training, from features alone (Killamsetty et al., 2023, arXiv 2301.13287).

The network is never asked, so one preparation serves every model. Easy subsets, from the middle of their classes, come
first; then varied ones, drawn at random with a preference for spread-out examples.

    prepare, once, within each class c, of n_c examples with features z_i from a fixed encoder:
    1  cos_ij = cosine of z_i and z_j; k_c = the class's share of the k examples to keep
    2  n_subsets easy subsets: stochastic greedy (eps) for k_c examples on the graph cut (lam) of s_ij = (1 + cos_ij)/2
    3  greedy disparity-min through ALL n_c on d_ij = cosine distance, scaled to [0, 1]; remember each example's gain
    4  u = gain - least gain, at least 1e-10; Taylor-softmax: p_i = (1 + u_i + u_i^2/2) / sum over the class
    then, in training:
    5  of T epochs the first ceil(kappa T): every R epochs the next easy subset
    6  the others: every R epochs, k_c of each class drawn without replacement with probabilities p
    7  take the subset m at a time, shuffled anew each epoch, with weight 1; an epoch is a pass over the SUBSET

As published, p says little: a gain of disparity-min is how much the least distance FALLS, nearly 0 for nearly all and
most negative for the most spread-out, which become the LEAST likely. The effective sample size 1/sum p^2, which
`report` gives, is 0.988 to 0.996 of a class on the digits: step 6 is random sampling. `normalize=True` takes what the
greedy maximizes, the least distance once the example has entered, in units of its standard deviation over the class:
then spread-out examples become likely (0.25 to 0.52 of a class; test_the_plain_recipe_is_almost_uniform).

Details are those of the authors' code, not checked against the paper. Departures, in tests/unit/selection/test_milo.py:
    - encoders are those of encoders.py, or features that are given, not large pre-trained networks.
    - k_c is in proportion to n_c; the code takes ceil(k / C) (test_quotas). The n_subsets are reused in turn.
    - progress is of the steps or of a limited bill; the easy phase ends its last subset, R or not
      (test_curriculum_by_steps, test_curriculum_by_bill).
    - in the code "stochastic" subsets are all alike, p is attached to other examples, and the last gain is the one
      before (test_easy_subsets_differ, test_probability_stays_with_its_example, test_gains_against_a_loop).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field, fields, replace
from typing import ClassVar

import numpy as np

from minicrest.arguments import dense, one_of, shown
from minicrest.backend import to_numpy
from minicrest.random import stream
from minicrest.selection.base import Subset, subset_size
from minicrest.selection.encoders import ENCODERS, encode
from minicrest.selection.method import Method, within
from minicrest.submodular import DisparityMin, GraphCut, greedy, quotas, stochastic_greedy

FLOOR, SPREAD = 1e-10, 1e-6  # least u; least standard deviation of distances: below it they differ by rounding only
RECIPE = {"fraction": "(0, 1]", "n_subsets": 1, "lam": "[0, inf)", "eps": "(0, 1)"}  # limits of a preparation


@dataclass(frozen=True, eq=False)
class Prepared:
    """All that depends on the features, on the host: for any number of trainings."""

    easy: np.ndarray  # (n_subsets, k) int64, class by class, each in greedy order
    gains: np.ndarray  # (n,) float64, of disparity-min when the example entered
    values: np.ndarray  # (n,) float64, disparity-min once it had entered; of the first two, their distance
    classes: np.ndarray  # (n,) int64, 0..C-1
    fraction: float
    lam: float
    eps: float
    encoder: str
    seed: int

    @property
    def digest(self) -> str:
        """16 hex digits that no other preparation has."""
        values = [getattr(self, f.name) for f in fields(self)]
        parts = [(v.shape, str(v.dtype), v.tobytes()) if isinstance(v, np.ndarray) else v for v in values]
        return hashlib.blake2b(repr(parts).encode(), digest_size=8).hexdigest()

    def parts(self) -> list[tuple[np.ndarray, int]]:
        """For each class its examples (n_c,), ascending, and how many of them a subset keeps."""
        return _parts(self.classes, self.easy.shape[1])

    def probabilities(self, normalize: bool = False) -> np.ndarray:
        """(n,) p, sum 1 over each class; from the gains as published or, normalized, from the values."""
        p = np.empty(len(self.classes))
        for members, _ in self.parts():
            u = (self.values if normalize else self.gains)[members]
            u = np.maximum(u - u.min(), FLOOR)
            p[members] = taylor_softmax(u / max(u.std(), SPREAD) if normalize else u)  # 4
        return p


def prepare(features, labels=None, fraction=0.1, n_subsets=50, lam=0.4, eps=0.1, seed=0, encoder="given") -> Prepared:
    """Steps 1 to 3 for features (n, ...) on either device and labels (n,); None: all of one class.

    On the host, one class at a time, in memory of a few n_c x n_c matrices. encoder: where the features came from.
    """
    *_, prepared = class_by_class(features, labels, fraction, n_subsets, lam, eps, seed, encoder)
    return prepared


def class_by_class(features, labels, fraction, n_subsets, lam, eps, seed, encoder, done=None) -> Iterator[Prepared]:
    """What `prepare` returns, after each class: gains (n,) of later ones are NaN. Goes on from `done`, one of these."""
    within(RECIPE, dict(fraction=fraction, n_subsets=n_subsets, lam=lam, eps=eps))
    n = len(features := to_numpy(dense("features", features)))
    classes = _classes(np.zeros(n) if labels is None else to_numpy(labels))
    if len(classes) != n or not np.isfinite(features).all():
        raise ValueError(f"features must be finite, one row per label: got {features.shape} for {len(classes)} labels")
    nothing = np.zeros((n_subsets, 0), np.int64), np.full(n, np.nan), np.full(n, np.nan)
    easy, gains, values = (done.easy, done.gains.copy(), done.values.copy()) if done else nothing
    for c, (members, quota) in enumerate(_parts(classes, subset_size(fraction, n))):
        if np.isfinite(gains[members]).all():
            continue
        cos = cosines(features[members])  # 1
        gains[members], values[members] = spread(cos)
        if quota:
            seeds = [int(stream(seed, "milo", "easy", c, run).integers(2**63)) for run in range(n_subsets)]
            easy = np.hstack([easy, members[representative(cos, quota, lam, eps, seeds)]])
        yield Prepared(easy, gains.copy(), values.copy(), classes, fraction, lam, eps, encoder, seed)


def cosines(z):
    """(q, q) the cosine of every two rows of z (q, ...), 1 of each with itself; a row of zeros has 0 with others."""
    z = z.reshape(len(z), -1)
    norms = np.linalg.norm(z, axis=1, keepdims=True)
    z = z / np.where(norms > 0, norms, 1)
    cos = np.clip(z @ z.T, -1, 1)
    np.fill_diagonal(cos, 1)
    return cos


def representative(cos, k, lam, eps, seeds):
    """(s, k) positions: easy subsets by cosines (n, n), a stochastic greedy run on the graph cut for each seed."""
    f = GraphCut((1 + cos) / 2, lam)
    return np.stack([stochastic_greedy(f, k, eps, seed).indices for seed in seeds])  # 2


def spread(cos):
    """(gains, values), (q,) each by position: of disparity-min, when each example entered."""
    low = cos.min()
    chosen = greedy(DisparityMin((1 - cos) / max(1 - low, np.finfo(cos.dtype).tiny)), len(cos))  # 3
    gains, values = np.empty(len(cos)), np.empty(len(cos))
    gains[chosen.indices] = chosen.gains
    values[chosen.indices] = np.cumsum(chosen.gains)
    values[chosen.indices[:1]] = values[chosen.indices[:2][-1]]
    return gains, values


def taylor_softmax(u):
    """(q,) probabilities in proportion to 1 + u + u^2/2, for u >= 0."""
    w = 1 + u + u * u / 2
    return w / w.sum()


def draw(parts, p, rng) -> np.ndarray:
    """(k,) examples: of each part its quota, without replacement, with probabilities p."""
    return np.concatenate([rng.choice(i, quota, replace=False, p=p[i]) for i, quota in parts])  # 6


@dataclass(frozen=True)
class MiloState:
    """What MILO knows between two steps."""

    prepared: Prepared
    step: int = 0
    subset: Subset | None = None
    chosen: np.ndarray = field(default_factory=lambda: np.zeros((0, 2), dtype=np.int64))  # first step, easy (1) or not


@dataclass(frozen=True)
class Milo(Method):
    """Subsets prepared from features: easy ones first, then varied ones; the network is never asked.

    m: batch size.  fraction: k/n.  kappa: the part of training on easy subsets.  R: epochs between selections.
    n_subsets, lam, eps: easy subsets, their graph cut, their stochastic greedy.  encoder: "raw", "pca", "convolutions".
    normalize: see above.  digest: leave it empty; `from_prepared` fills it in.
    """

    m: int = 128
    fraction: float = 0.1
    kappa: float = 1 / 6
    R: int = 1
    n_subsets: int = 50
    lam: float = 0.4
    eps: float = 0.1
    encoder: str = "raw"
    normalize: bool = False
    digest: str = ""
    prepared: ClassVar[Prepared | None] = None  # what from_prepared shares; not a hyper-parameter
    paper = "Killamsetty et al., 2023, arXiv 2301.13287"
    price = "a step 3 m; a selection 0, and so is preparing: time, but no question to the network"
    limits = {**RECIPE, "m": 1, "kappa": "[0, 1]", "R": 1, "normalize": bool}

    def __post_init__(self):
        super().__post_init__()
        if not isinstance(self.digest, str):
            raise TypeError(f"digest must be text, got {shown(self.digest)}: leave it out, or use Milo.from_prepared")
        if not self.digest:  # else the encoder is the name that the preparation gave its features
            one_of("encoder (for other features see Milo.from_prepared)", self.encoder, ENCODERS)

    @classmethod
    def from_prepared(cls, prepared: Prepared, m=128, kappa=1 / 6, R=1, normalize=False) -> Milo:
        """MILO on what `prepare` returned, for any number of trainings; a training resumes only with the same."""
        if not isinstance(prepared, Prepared):
            raise TypeError(f"prepared must be what milo.prepare returns, got {type(prepared).__name__}")
        recipe = prepared.fraction, len(prepared.easy), prepared.lam, prepared.eps, prepared.encoder
        method = cls(m, recipe[0], kappa, R, *recipe[1:], normalize, prepared.digest)
        vars(method)["prepared"] = prepared  # beside the hyper-parameters, which stay plain values
        return method

    def init(self, oracle) -> MiloState:
        *_, state = self.preparation(oracle, None)
        return state

    def preparation(self, oracle, state) -> Iterator[MiloState]:
        """The states after each class, from `state` on; the last one is prepared."""
        labels, prepared = oracle.labels if oracle.labels.dtype.kind in "iu" else None, self.prepared
        if prepared is None and self.digest:
            raise ValueError(f"preparation {self.digest!r} is missing: train --prepared FILE or use Milo.from_prepared")
        if prepared is None:
            features, recipe = encode(self.encoder, oracle.raw(None), oracle.seed), (self.n_subsets, self.lam, self.eps)
            given = features, labels, self.fraction, *recipe, oracle.seed, self.encoder
            for piece in class_by_class(*given, state and state.prepared):
                yield MiloState(piece)
                oracle.ledger.poll()  # which questions would do, were there any
            return
        classes = prepared.classes if labels is None or not prepared.classes.any() else _classes(labels)
        if len(prepared.classes) != len(oracle) or not np.array_equal(prepared.classes, classes):
            raise ValueError(f"prepared for {len(prepared.classes)} examples that are not these {len(oracle)}: "
                             "prepare again, from the features and labels of the data to train on")  # fmt: skip
        yield MiloState(prepared)

    def propose(self, state, oracle):
        subset = state.subset
        if subset is None or subset.used % -(-len(subset.indices) // self.m) == 0:  # an epoch begins
            easy = oracle.progress < self.kappa  # as epoch < ceil(kappa T), for progress = epoch / T
            if subset is None or subset.passes(self.m) >= self.R or easy != state.chosen[-1, 1]:
                state = self._select(state, oracle, easy)
        batch, subset = state.subset.next_batch(oracle, self.m, "milo")  # 7
        return batch, replace(state, step=state.step + 1, subset=subset)

    def report(self, state) -> dict:
        """Each subset's first step and whether it was easy; each class's effective sample size over n_c."""
        p = state.prepared.probabilities(self.normalize)
        ess = [1 / (p[i] @ p[i]) / len(i) for i, _ in state.prepared.parts()]
        return {"start": state.chosen[:, 0], "easy": state.chosen[:, 1], "ess": np.array(ess)}

    def _select(self, state, oracle, easy) -> MiloState:
        prepared, number = state.prepared, len(state.chosen)
        indices = prepared.easy[number % len(prepared.easy)]  # 5
        if not easy:
            rng = stream(oracle.seed, "milo", "varied", number)
            indices = draw(prepared.parts(), prepared.probabilities(self.normalize), rng)
        subset = Subset(indices, np.ones(len(indices)), number)
        return replace(state, subset=subset, chosen=np.vstack([state.chosen, [state.step, easy]]))


def _parts(classes, k):
    return [(np.flatnonzero(classes == c), int(quota)) for c, quota in enumerate(quotas(np.bincount(classes), k))]


def _classes(labels):
    """(n,) int64: labels as 0..C-1 in ascending order."""
    return np.unique(labels, return_inverse=True)[1].astype(np.int64)
