"""Five claims as somebody would write them who tests an idea: minicrest theory --claims tests/theory/own_claims.py own

Each goes from a problem to a verdict in at most 15 lines; what is planted is the same experiment where it must fail.
"""

import numpy as np

from minicrest.optim import SGD
from minicrest.random import stream
from minicrest.selection import Crest
from minicrest.taylor import MovingAverage, hutchinson_diagonal, rademacher
from minicrest.theory import Claim, RandomBatch, SubsetCoreset, bounds, chance_bounds, check_bound, problems, trajectory
from minicrest.theory.trajectories import region_draws


def crest_on_ridge(salt=0, stale=False):
    """Crest with its regions, exact bias and variance in each: the safe form of Theorem 4.1 on ridge regression."""
    p, N = problems.ridge(n=12, noise=1.0), 40
    eta = 0.5 / p.L_s
    method = Crest(m=2, r=6, h=2, exclude=False, lazy=False, many=not stale, tau=np.inf if stale else 0.05)

    def excess(seed):  # mean |grad L|^2 less its bound, whose bias and variance are random: at most 0 in the mean
        path = list(trajectory(method, p, SGD(eta, 0.0), N, seed, draws=region_draws))
        bias_square = 0 if stale else np.mean([s.bias_square for s in path])  # planted: nobody thought of the bias
        promised = 2 * p.gap(p.start) / (N * eta) + bias_square + p.L_s * eta * np.mean([s.variance for s in path])
        return np.mean([s.gradient @ s.gradient for s in path]) - promised

    return check_bound(excess, 0.0, limit=256, false_alarm=1e-4, salt=salt)


def double_well(salt=0, noisy=True):
    """From near the maximum of a double well, where the Hessian is negative: the same bound, without convexity."""
    p, eta, N = problems.double_well(n=8, noise=1.0), 0.1, 120
    v = bounds.random_batch_error(p.gradients(p.start), 2) if noisy else 0.0
    bound = bounds.mean_square_gradient(p.gap(p.start), N, eta, p.L_s, v)

    def measure(seed):
        return np.mean([s.gradient @ s.gradient for s in trajectory(RandomBatch(2), p, SGD(eta, 0.0), N, seed, 0)])

    return check_bound(measure, bound, limit=256, false_alarm=1e-4, salt=salt)


def polyak(salt=0, mu=None):
    """w^2 + 3 sin^2 w is not convex, but PL: the loss falls at the linear rate of its PL constant."""
    p, N = problems.pl_sine(n=8, noise=1.0), 4
    eta, v = 1 / p.L_s, bounds.random_batch_error(p.gradients(p.start), 2)
    bound = bounds.strongly_convex_gap(p.gap(p.start), N, eta, p.L_s, mu or p.pl, v)

    def measure(seed):
        *_, last = trajectory(RandomBatch(2), p, SGD(eta, 0.0), N + 1, seed, draws=0)
        return last.loss - p.lowest

    return check_bound(measure, bound, limit=256, false_alarm=1e-4, salt=salt)


def variance(salt=0, m=5):
    """Five clusters: a coreset of m = 5 has hardly more error than the r = 32 examples it stands for."""
    rng = stream(0, "own", "clusters")
    centres = 5 * rng.standard_normal((5, 2))[np.arange(100) % 5] + 0.3 * rng.standard_normal((100, 2))
    p = problems.functions(lambda w, i: (w - centres[i]) @ (w - centres[i]) / 2, lambda w, i: w - centres[i],
                           lambda w, i, v: v, start=[0.0, 0.0], n=100)  # fmt: skip
    method, bound = SubsetCoreset(m, 32), 1.2 * bounds.random_batch_error(p.gradients(p.start), 32)

    def measure(seed):
        (step,) = trajectory(method, p, SGD(), 1, seed, draws=0)
        return np.square(step.estimate - step.gradient).sum()

    return check_bound(measure, bound, limit=2048, false_alarm=1e-4, salt=salt)


def averaged(salt=0, drifts=True):
    """Averaged Hutchinson on a Hessian that grew by 2% a step until step 35: its lag counts, beside its noise."""
    H, beta, t = problems.quadratic([1.0, -1.0, 0.3]).hessian(np.zeros(3)), 0.9, 40
    last, drift = (1 + 0.02 * 35) * H, 0.02 * float(np.linalg.norm(np.diag(H)))
    bound = chance_bounds.averaged_error(chance_bounds.diagonal_noise(last), beta, t, drift if drifts else 0.0)

    def measure(seed):
        average, probes = MovingAverage(beta), rademacher(np.random.default_rng(seed), (t, 1, 3))
        for s, z in enumerate(probes, 1):
            average = average.update(hutchinson_diagonal(lambda z, s=s: z @ H * (1 + 0.02 * min(s, 35)), z))
        return np.square(average.mean - np.diag(last)).sum()

    return check_bound(measure, bound, limit=2048, false_alarm=1e-4, salt=salt)


CLAIMS = [
    Claim("own.crest", "mean |grad L|^2 <= 2 D0/(N eta) + bias^2 + L_s eta v, of Crest with regions", "Theorem 4.1",
          "ridge; exact bias, v", crest_on_ridge, lambda salt=0: crest_on_ridge(salt, stale=True), 1e-4),
    Claim("own.double-well", "the same of random batches on (w^2 - 1)^2 / 4", "Theorem 4.1", "smooth",
          double_well, lambda salt=0: double_well(salt, noisy=False), 1e-4),
    Claim("own.polyak", "L - L* <= (1 - eta mu)^N D0 + L_s eta v / (2 mu)", "Karimi 2016", "PL",
          polyak, lambda salt=0: polyak(salt, mu=8.0), 1e-4),
    Claim("own.variance", "error of m medoids of r <= 1.2 that of r, for m clusters", "CREST section 4", "m clusters",
          variance, lambda salt=0: variance(salt, m=2), 1e-4),
    Claim("own.averaged", "error of the average <= (drift lag)^2 + v (1 - beta)/(1 + beta)...", "derived", "H drifts",
          averaged, lambda salt=0: averaged(salt, drifts=False), 1e-4),
]  # fmt: skip
