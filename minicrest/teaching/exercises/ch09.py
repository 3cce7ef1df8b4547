"""Exercises of tutorial 09: smoothed derivatives, dropping what is learned, the bill, and the loop itself."""

import numpy as np

from minicrest.teaching.exercise import Exercise
from minicrest.teaching.solutions.ch09 import (
    ACTIVE,
    LAST,
    LEARNED,
    NEAR,
    NEVER,
    WORST,
    G,
    H,
    always_holding,
    average,
    bill,
    drop,
    from_the_start,
    frozen,
    guarded,
    holds,
    large_steps,
    loop,
    loop_then,
    loop_with,
    move,
    one_subset,
    opens,
    small_checks,
    smooth,
    uncorrected,
    whole_subsets,
)

EXERCISES = [
    Exercise(
        "09.smooth",
        "my_smooth -> gradient, curvature",
        [(G, H, 0.9, 0.99), (G[:1], H[:1], 0.5, 0.8)],
        smooth,
        [
            ("the correction is missing: what is the average of one single value?", uncorrected),
            (
                "the root is missing: the curvature is that of an average of squares.",
                lambda g, H, a, b: (average(g, a), average(H**2, b)),
            ),
            (
                "the curvatures are averaged as they are; where are the squares?",
                lambda g, H, a, b: (average(g, a), average(H, b)),
            ),
            (
                "the absolute values of the curvatures are averaged, not the squares.",
                lambda g, H, a, b: (average(g, a), average(abs(H), b)),
            ),
            (
                "time runs backwards: which end of the arrays is the newest, and which should weigh most?",
                lambda g, H, a, b: smooth(g[::-1], H[::-1], a, b),
            ),
            ("the two betas have changed places.", lambda g, H, a, b: smooth(g, H, b, a)),
            (
                "these are plain means over the coresets: nothing is forgotten.",
                lambda g, H, a, b: (g.mean(0), np.sqrt((H**2).mean(0))),
            ),
            (
                "the gradients have been squared too; that is for the curvature alone.",
                lambda g, H, a, b: (np.sqrt(average(g**2, a)), np.sqrt(average(H**2, b))),
            ),
            ("beta1 is used for both averages.", lambda g, H, a, b: smooth(g, H, a, a)),
            ("beta2 is used for both averages.", lambda g, H, a, b: smooth(g, H, b, b)),
            (
                "the curvature is corrected after the root; before it belongs.",
                lambda g, H, a, b: (average(g, a), np.sqrt(average(H**2, b) * (1 - b ** len(H))) / (1 - b ** len(H))),
            ),
            (
                "the correction of the gradient is missing.",
                lambda g, H, a, b: (uncorrected(g, H, a, b)[0], smooth(g, H, a, b)[1]),
            ),
            (
                "the correction of the curvature is missing.",
                lambda g, H, a, b: (smooth(g, H, a, b)[0], uncorrected(g, H, a, b)[1]),
            ),
            ("beta and 1 - beta have changed places.", lambda g, H, a, b: smooth(g, H, 1 - a, 1 - b)),
            ("these are the newest values alone.", lambda g, H, a, b: (g[-1], abs(H[-1]))),
            (
                "the correction has one step too many, or too few.",
                lambda g, H, a, b: (
                    average(g, a) * (1 - a ** len(g)) / (1 - a ** (len(g) + 1)),
                    np.sqrt(average(H**2, b) * (1 - b ** len(H)) / (1 - b ** (len(H) + 1))),
                ),
            ),
        ],
    ),
    Exercise(
        "09.drop",
        "my_drop",
        [
            (ACTIVE, WORST, 0.1, 2),
            (ACTIVE, LEARNED, 0.1, 4),
            (ACTIVE, LEARNED, 0.1, 3),
            (ACTIVE, WORST, 0.4, 3),
            (ACTIVE, LAST, 0.1, 2),
            (ACTIVE, LAST, 0.1, 1),
            (ACTIVE, NEAR, 0.1, 3),
            (ACTIVE & (LAST > NEVER), LAST, 0.1, 1),
        ],
        drop,
        [
            (
                "examples that were not seen are dropped: minus infinity is below alpha too.",
                lambda active, worst, alpha, r: (lambda left: left if left.sum() >= r else active)(
                    active & (worst >= alpha)
                ),
            ),
            (
                "the learned ones stay and the others go: it is turned round.",
                lambda active, worst, alpha, r: (lambda left: left if left.sum() >= r else active)(
                    active & (worst < alpha) & (worst > NEVER)
                ),
            ),
            (
                "examples dropped earlier come back: `active` says who is still there.",
                lambda active, worst, alpha, r: drop(active | True, worst, alpha, r),
            ),
            (
                "where fewer than r would be left, all should stay: does the guard count those that would be left?",
                lambda active, worst, alpha, r: drop(active, worst, alpha, 0),
            ),
            (
                "a loss of exactly alpha is not below alpha.",
                lambda active, worst, alpha, r: drop(active, np.where(worst == alpha, 0, worst), alpha, r),
            ),
            (
                "exactly r examples are enough to go on with.",
                lambda active, worst, alpha, r: drop(active, worst, alpha, r + 1),
            ),
            (
                "it says who was dropped; who is still active is asked for.",
                lambda active, worst, alpha, r: active & ~drop(active, worst, alpha, r),
            ),
            (
                "examples that would go are counted; those that would be left count.",
                guarded(lambda active, left: (active & ~left).sum()),
            ),
            (
                "the guard asks whether anybody would be left; at least r should be.",
                guarded(lambda active, left: 10**9 * left.any()),
            ),
            (
                "where too many are learned, everybody comes back: those who were active should stay, and no more.",
                lambda active, worst, alpha, r: (lambda left: left if left.sum() >= r else np.ones_like(active))(
                    drop(active, worst, alpha, 0)
                ),
            ),
            (
                "where too many are learned, nobody is left: those who were active should stay.",
                lambda active, worst, alpha, r: (lambda left: left if left.sum() >= r else np.zeros_like(active))(
                    drop(active, worst, alpha, 0)
                ),
            ),
            (
                "only examples that were not seen are dropped: minus infinity says that nothing is known.",
                lambda active, worst, alpha, r: active & (worst > NEVER),
            ),
            ("whoever was active stays: nothing is dropped.", lambda active, worst, alpha, r: active),
        ],
    ),
    Exercise(
        "09.bill",
        "my_bill -> regions, rest",
        [([5, 10, 7], 9, 20, 4, 16), ([3, 1], 2, 6, 8, 40)],
        bill,
        [
            (
                "a backward pass has a forward pass before it, and both are paid for.",
                lambda *q: bill(*q, model=6, step=2),
            ),
            ("the model lacks the losses on V_r that its constant is the mean of.", lambda *q: bill(*q, constant=0)),
            ("the model lacks its Hessian products.", lambda *q: bill(*q, model=3)),
            ("the model lacks its gradients.", lambda *q: bill(*q, model=4)),
            ("choosing is billed for one subset a region; how many are there?", one_subset),
            (
                "choosing is billed as if it needed gradients: p - y takes a forward pass.",
                lambda *q: bill(*q, choosing=3),
            ),
            ("the model is made from the coresets, not from the whole subsets.", whole_subsets),
            ("a check measures losses on V_r, not on a mini-batch.", small_checks),
            ("a check needs losses only: a forward pass and nothing backward.", lambda *q: bill(*q, check=3)),
            ("the steps are billed for r examples each.", large_steps),
            (
                "all regions are added up; the first of the pair is what each one costs.",
                lambda *q: (bill(*q)[0].sum(), bill(*q)[1]),
            ),
            ("a gradient is billed as 2: one goes forward first, so it is 1 + 2.", lambda *q: bill(*q, model=6)),
            ("a step is billed as 2 an example: it goes forward and back.", lambda *q: bill(*q, step=2)),
            ("a step is billed as 1 an example: it goes forward and back.", lambda *q: bill(*q, step=1)),
            ("the checks are left out.", lambda *q: bill(*q, check=0)),
            ("the steps are left out.", lambda *q: bill(*q, step=0)),
            ("choosing is left out.", lambda *q: bill(*q, choosing=0)),
            ("a Hessian product is billed as a gradient besides: it counts 4.", lambda *q: bill(*q, model=10)),
            (
                "the constant is measured for each coreset; it is measured once.",
                lambda P, c, s, m, r: (bill(P, c, s, m, r)[0] + (np.asarray(P) - 1) * r, bill(P, c, s, m, r)[1]),
            ),
            (
                "the constant is subtracted; it is paid for.",
                lambda P, c, s, m, r: (np.asarray(P) * 0 + np.asarray(P) * (r + 7 * m) - r, bill(P, c, s, m, r)[1]),
            ),
            (
                "the model is left out but for its constant.",
                lambda P, c, s, m, r: (np.asarray(P) * 0 + np.asarray(P) * r + r, bill(P, c, s, m, r)[1]),
            ),
            (
                "the model is subtracted; it is paid for.",
                lambda P, c, s, m, r: (np.asarray(P) * 0 + np.asarray(P) * (r - 7 * m) + r, bill(P, c, s, m, r)[1]),
            ),
            (
                "choosing counts the subsets, not their examples: r is missing.",
                lambda P, c, s, m, r: (np.asarray(P) * 0 + np.asarray(P) * (1 + 7 * m) + r, bill(P, c, s, m, r)[1]),
            ),
            (
                "the model counts the coresets, not their examples: m is missing.",
                lambda P, c, s, m, r: (np.asarray(P) * 0 + np.asarray(P) * (r + 7) + r, bill(P, c, s, m, r)[1]),
            ),
            (
                "the model is billed for one coreset a region; how many are there?",
                lambda P, c, s, m, r: (np.asarray(P) * 0 + np.asarray(P) * r + 7 * m + r, bill(P, c, s, m, r)[1]),
            ),
            (
                "the model's prices are missing: a coreset counts m.",
                lambda P, c, s, m, r: (np.asarray(P) * 0 + np.asarray(P) * (r + m) + r, bill(P, c, s, m, r)[1]),
            ),
            (
                "the model's two prices are subtracted; both are paid.",
                lambda P, c, s, m, r: (np.asarray(P) * 0 + np.asarray(P) * (r - m) + r, bill(P, c, s, m, r)[1]),
            ),
            (
                "the steps are subtracted; they are paid for.",
                lambda P, c, s, m, r: (bill(P, c, s, m, r)[0], c * r - 3 * s * m),
            ),
            (
                "a check is billed as 1, not as r examples.",
                lambda P, c, s, m, r: (bill(P, c, s, m, r)[0], c + 3 * s * m),
            ),
            ("only one check is billed.", lambda P, c, s, m, r: (bill(P, c, s, m, r)[0], r + 3 * s * m)),
            ("only one step is billed.", lambda P, c, s, m, r: (bill(P, c, s, m, r)[0], c * r + 3 * m)),
            ("a step is billed as one example, not m.", lambda P, c, s, m, r: (bill(P, c, s, m, r)[0], c * r + 3 * s)),
            ("a step is billed as 1.", lambda P, c, s, m, r: (bill(P, c, s, m, r)[0], c * r + s)),
        ],
    ),
    Exercise(
        "09.loop",
        "my_loop -> w, opened, checked",
        [(0.1, 40, opens, holds, move), (-2.0, 23, opens, holds, move), (0.7, 28, opens, holds, move)],
        loop,
        [
            (
                "checks go by the clock: T1 counts from the step at which the region opened.",
                loop_with(due=lambda t, start, T1: t % T1 == 0),
            ),
            (
                "each region is checked once and never again: it may hold for several T1.",
                loop_with(due=lambda t, start, T1: t - start == T1),
            ),
            (
                "the check comes after the step; it should come before, so that no step uses what is stale.",
                loop_with(after=True),
            ),
            ("a region that fails its check is used for one more step.", loop_with(late=1)),
            ("regions end when they hold and go on when they fail: turned round.", loop_with(turned=True)),
            ("the first region's T1 is kept: every region brings its own.", loop_with(keep=True)),
            ("a region is checked at the very step it opens; it has not moved yet.", loop_with(on=True)),
            ("it checks at every step: what is T1 for?", loop_with(due=lambda t, start, T1: True)),
            (
                "checks come one step late: T1 steps after opening, not T1 + 1.",
                loop_with(due=lambda t, start, T1: t > start and (t - start) % (T1 + 1) == 0),
            ),
            ("the steps use the first region for ever, though others are opened.", frozen),
            ("there is a check after the last step; it comes before a step, or not at all.", loop_with(reach=1)),
            ("every check opens a region, whatever it says.", from_the_start),
            ("no check ends a region.", always_holding),
            (
                "the first region is missing from the list.",
                loop_then(lambda w, opened, checked: (w, opened[1:], checked)),
            ),
            (
                "only the checks that failed are listed.",
                loop_then(lambda w, opened, checked: (w, opened, [t for t in checked if t in opened])),
            ),
            (
                "only the checks that passed are listed.",
                loop_then(lambda w, opened, checked: (w, opened, [t for t in checked if t not in opened])),
            ),
            ("there is one step too few.", lambda w, steps, *q: loop(w, steps - 1, *q)),
            ("there is one step too many.", lambda w, steps, *q: loop(w, steps + 1, *q)),
            (
                "the steps are counted from 1; the first is step 0.",
                lambda w, steps, opens, holds, move: loop(
                    w, steps, opens, holds, lambda region, w, t: move(region, w, t + 1)
                ),
            ),
        ],
    ),
]
