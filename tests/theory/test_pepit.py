"""A second opinion: PEPit computes the exact worst case over ALL smooth losses, and no bound may be below it.

Performance estimation (Taylor, Hendrickx, Glineur 2017): the worst loss, start, bias and noise as one semidefinite
program. L_s = 1 and D0 = 1; `pytest -s` prints how tight each bound is.
"""

import pytest

from minicrest.theory import bounds

pepit = pytest.importorskip("PEPit", reason="PEPit is not installed: pip install minicrest[dev]")
functions = pytest.importorskip("PEPit.functions")
pytestmark = [pytest.mark.theory, pytest.mark.filterwarnings("ignore")]  # of the solvers, among themselves
SOLVED = 1e-5  # relative: what the solver leaves


def worst_mean_square(N, eta, eps, bias, v):
    """Largest (1/N) sum_t E |grad L(w_t)|^2: at each place a bias, and noise z or -z with probability 1/2 each."""
    problem = pepit.PEP()
    loss = problem.declare_function(functions.SmoothFunction, L=1.0)
    start = problem.set_initial_point()
    lowest, paths, total = pepit.Expression(), [start], 0
    for _ in range(N):
        after = []
        for w in paths:
            g, b, z = loss.gradient(w), pepit.Point(), pepit.Point()
            total = total + g**2 / (N * len(paths))
            problem.add_constraint(b**2 <= eps**2 * g**2 + bias**2)
            problem.add_constraint(z**2 <= v)
            after += [w - eta * (g + b + sign * z) for sign in ((1, -1) if v else (0,))]
        paths = after
    places = [w for w, *_ in loss.list_of_points] + paths
    for w in places:  # inf L <= L(w) - |grad L(w)|^2 / 2, the lowest that a smooth loss allows
        problem.add_constraint(lowest <= loss(w) - loss.gradient(w) ** 2 / 2)
    problem.add_constraint(loss(start) - lowest <= 1)
    problem.set_performance_metric(total)
    return problem.solve(verbose=0)


def worst_gap(N, eta, mu, eps, bias):
    """Largest L(w_N) - L* of a mu-strongly convex loss: at each step a bias."""
    problem = pepit.PEP()
    loss = problem.declare_function(functions.SmoothStronglyConvexFunction, L=1.0, mu=mu)
    lowest, w = loss(loss.stationary_point()), problem.set_initial_point()
    problem.set_initial_condition(loss(w) - lowest <= 1)
    for _ in range(N):
        g, b = loss.gradient(w), pepit.Point()
        problem.add_constraint(b**2 <= eps**2 * g**2 + bias**2)
        w = w - eta * (g + b)
    problem.set_performance_metric(loss(w) - lowest)
    return problem.solve(verbose=0)


def compare(name, exact, bound, **at):
    print(f"{name:22} {' '.join(f'{k}={v:g}' for k, v in at.items()):45} exact {exact:.4f} bound {bound:.4f} "
          f"tight {exact / bound:.3f}")  # fmt: skip
    assert exact <= bound * (1 + SOLVED)
    return exact / bound


@pytest.mark.parametrize("eta", [1.0, 0.5, 0.25])
@pytest.mark.parametrize("eps, bias, v", [
    (0, 0, 0), (0.5, 0, 0), (0.9, 0, 0), (0, 0.5, 0), (0.3, 0.5, 0), (0, 0, 0.5), (0.5, 0.3, 0.5),
])  # fmt: skip
def test_the_mean_square_bound_is_never_below_the_worst_case(eta, eps, bias, v):
    N = 2 if v else 3
    bound = bounds.mean_square_gradient(1.0, N, eta, 1.0, v, eps, bias)
    exact = worst_mean_square(N, eta, eps, bias, v)
    tight = compare("mean_square_gradient", exact, bound, eta=eta, eps=eps, bias=bias, v=v)
    assert tight > (0.1 if eta < 1 else 0.46)
    if eta == 1 and not (eps or bias or v):
        assert tight > 1 - SOLVED  # exactly tight
    if eta == 1 and eps == 0.5 and not v:  # what is left without the 1/(1 - eps^2) is false
        assert exact > 1.2 * bound * (1 - eps**2)


@pytest.mark.parametrize("eta", [1.0, 0.5, 0.1])
@pytest.mark.parametrize("mu, eps, bias", [(0.1, 0, 0), (0.5, 0, 0), (0.1, 0.5, 0), (0.1, 0, 0.5), (0.5, 0.3, 0.3)])
def test_the_gap_bound_is_never_below_the_worst_case(eta, mu, eps, bias):
    bound = bounds.strongly_convex_gap(1.0, 3, eta, 1.0, mu, 0.0, bias, eps)
    tight = compare("strongly_convex_gap", worst_gap(3, eta, mu, eps, bias), bound, eta=eta, mu=mu, eps=eps, bias=bias)
    assert tight > 0.1
