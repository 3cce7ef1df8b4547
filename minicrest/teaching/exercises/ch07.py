"""Exercises of tutorial 07: the quadratic model, its relative error, orders, periods, and the schedule of regions."""

import math

import numpy as np

from minicrest.teaching.exercise import Exercise
from minicrest.teaching.solutions.ch07 import (
    ABOVE,
    BELOW,
    CURVED,
    DELTA,
    DOWN,
    ERRORS,
    MODEL,
    NARROW,
    RHO,
    SIZES,
    START,
    G,
    all_checks,
    from_the_ratio,
    from_the_unbounded,
    lasting,
    periods,
    regions,
    rho,
    slope,
    value,
)

EXERCISES = [
    Exercise(
        "07.value",
        "my_value",
        [MODEL, (0.2, DELTA, CURVED[::-1].copy(), START), DOWN],
        value,
        [
            ("the quadratic term lacks its factor.", lambda c, g, H, d: c + g @ d + H @ d**2),
            ("the constant is missing.", lambda c, g, H, d: value(0, g, H, d)),
            ("the linear term is missing.", lambda c, g, H, d: value(c, 0 * g, H, d)),
            ("the quadratic term is missing.", lambda c, g, H, d: c + g @ d),
            ("delta is not squared in the last term.", lambda c, g, H, d: c + g @ d + 0.5 * H @ d),
            (
                "the last term squares the sum, and the terms should be squared before they are added.",
                lambda c, g, H, d: c + g @ d + 0.5 * (H @ d) ** 2,
            ),
            ("the curvature is squared along with delta.", lambda c, g, H, d: c + g @ d + 0.5 * ((H * d) ** 2).sum()),
            (
                "the linear term has the wrong sign: what are the signs of g and of delta?",
                lambda c, g, H, d: value(c, g, H, -d),
            ),
            (
                "the curvature is taken off: a positive one should bend the model up.",
                lambda c, g, H, d: value(c, g, -H, d),
            ),
            (
                "it is a vector: the terms of the two products have to be added up.",
                lambda c, g, H, d: c + g * d + 0.5 * H * d**2,
            ),
            ("the linear term has the quadratic term's factor.", lambda c, g, H, d: value(c, g / 2, H, d)),
            ("the quadratic term has a third where a half belongs.", lambda c, g, H, d: value(c, g, 2 * H / 3, d)),
            ("the quadratic term has a quarter where a half belongs.", lambda c, g, H, d: value(c, g, H / 2, d)),
            (
                "sizes of the step are used: in the linear term its sign counts.",
                lambda c, g, H, d: value(c, g, H, abs(d)),
            ),
            ("the constant is subtracted.", lambda c, g, H, d: value(-c, g, H, d)),
            ("the curvature is missing: the step is squared as it is.", lambda c, g, H, d: c + g @ d + 0.5 * d @ d),
            ("constant and linear term are missing.", lambda c, g, H, d: 0.5 * (H * d) @ d),
        ],
    ),
    Exercise(
        "07.rho",
        "my_rho",
        [(*MODEL, ABOVE), (*MODEL, BELOW), (*DOWN, 0.5)],
        rho,
        [
            ("it is the error itself: relative to what?", lambda *q: rho(*q) * q[-1]),
            ("it is relative to the model's value, with its sign; the measured loss is what counts.",
             lambda *q: rho(*q) * q[-1] / value(*q[:-1])),
            ("only a model above the loss counts as an error; one below it does, too.",
             lambda *q: max(value(*q[:-1]) - q[-1], 0) / q[-1]),
            ("the difference is squared; its size is asked for.", lambda *q: (value(*q[:-1]) - q[-1]) ** 2 / q[-1]),
            ("the model is compared with its own constant; the measured loss is asked for.",
             lambda *q: abs(value(*q[:-1]) - q[0]) / q[-1]),
            ("it is relative to the sum of model and loss; the loss alone is asked for.",
             lambda *q: abs(value(*q[:-1]) - q[-1]) / (value(*q[:-1]) + q[-1])),
            (
                "the model's value is made positive first; the difference is.",
                lambda *q: abs(abs(value(*q[:-1])) - q[-1]) / q[-1],
            ),
            (
                "it is relative to the model's value; the measured loss is what counts.",
                lambda *q: rho(*q) * q[-1] / abs(value(*q[:-1])),
            ),
            (
                "it is relative to the loss where the region began; what has been measured now?",
                lambda *q: rho(*q) * q[-1] / q[0],
            ),
            (
                "it can be negative: a model that is too low is wrong as well.",
                lambda *q: (value(*q[:-1]) - q[-1]) / q[-1],
            ),
            ("it can be negative, and is so where the model is too high.", lambda *q: (q[-1] - value(*q[:-1])) / q[-1]),
            ("it is squared.", lambda *q: rho(*q) ** 2),
            ("the model lacks its curvature.", lambda c, g, H, d, loss: rho(c, g, 0 * H, d, loss)),
            ("the model's quadratic term lacks its factor.", lambda c, g, H, d, loss: rho(c, g, 2 * H, d, loss)),
            ("it is in per cent; a fraction is asked for.", lambda *q: 100 * rho(*q)),
            ("it is the ratio of model and loss; how far is it from 1?", lambda *q: value(*q[:-1]) / q[-1]),
            (
                "it is relative to the change of the loss; the loss itself is asked for.",
                lambda *q: rho(*q) * q[-1] / abs(q[-1] - q[0]),
            ),
            (
                "it is relative to the mean of model and loss.",
                lambda *q: rho(*q) * q[-1] / ((value(*q[:-1]) + q[-1]) / 2),
            ),
            ("the model lacks its constant.", lambda c, *q: rho(0.0, *q)),
            (
                "the model is walked backwards: what is the sign of delta?",
                lambda c, g, H, d, loss: rho(c, g, H, -d, loss),
            ),
            ("the model lacks its gradient.", lambda c, g, H, d, loss: rho(c, 0 * g, H, d, loss)),
            (
                "the loss is compared with the constant: how far does the model say it moves?",
                lambda c, g, H, d, loss: abs(c - loss) / loss,
            ),
            ("model and loss are added; how far apart are they?", lambda *q: abs(value(*q[:-1]) + q[-1]) / q[-1]),
        ],
    ),
    Exercise(
        "07.order",
        "my_order",
        [(SIZES, ERRORS), (SIZES[[0, 1, 3, 4, 6]], 5 * ERRORS[[0, 2, 3, 4, 5]])],
        lambda s, e: slope(np.log(s), np.log(e)),
        [
            ("there are no logarithms: that is the slope of a plain plot.", slope),
            ("only the errors are in logarithms.", lambda s, e: slope(s, np.log(e))),
            ("only the sizes are in logarithms.", lambda s, e: slope(np.log(s), e)),
            (
                "the axes have changed places: which of the two depends on the other?",
                lambda s, e: slope(np.log(e), np.log(s)),
            ),
            (
                "it is where the line cuts the axis; its slope is asked for.",
                lambda s, e: np.polyfit(np.log(s), np.log(e), 1)[1],
            ),
            (
                "it goes through the first and last points only; a least-squares line minds them all.",
                lambda s, e: np.log(e[-1] / e[0]) / np.log(s[-1] / s[0]),
            ),
            (
                "it is the mean of the slopes between neighbours, unequally weighted or not; fit one line.",
                lambda s, e: np.median(np.diff(np.log(e)) / np.diff(np.log(s))),
            ),
            (
                "the line is forced through the origin: it has a constant too.",
                lambda s, e: (np.log(s) @ np.log(e)) / (np.log(s) @ np.log(s)),
            ),
            ("the sign is turned round: errors grow with the distance.", lambda s, e: -slope(np.log(s), np.log(e))),
            ("the logarithms of the two axes have different bases.", lambda s, e: slope(np.log(s), np.log10(e))),
            (
                "it is a parabola's coefficient; a straight line is asked for.",
                lambda s, e: np.polyfit(np.log(s), np.log(e), 2)[0],
            ),
            (
                "it is the mean of log error over log size; a slope is a ratio of differences.",
                lambda s, e: (np.log(e) / np.log(s)).mean(),
            ),
            (
                "it is the mean of the slopes between neighbours; fit one line to all.",
                lambda s, e: (np.diff(np.log(e)) / np.diff(np.log(s))).mean(),
            ),
            ("it is a correlation: a number between -1 and 1.", lambda s, e: np.corrcoef(np.log(s), np.log(e))[0, 1]),
            ("the logarithms of the two axes have different bases.", lambda s, e: slope(np.log10(s), np.log(e))),
        ],
    ),
    Exercise(
        "07.periods",
        "my_periods -> T1, P",
        [
            (2.0, 2.5, G, CURVED, 50),
            (1.5, 1.7, 4 * CURVED, NARROW, 20),
            (3.0, 2.5, CURVED, 0.9 * NARROW, 40),
            (0.4, 1.3, NARROW, CURVED, 9),
            (1.0, 1.9, G, NARROW, 7),
            (1.0, 0.45, G, NARROW, 7),
            (5.0, 0.5, CURVED, NARROW, 12),
            (2.0, 3.0, CURVED, CURVED[::-1].copy(), 50),
        ],
        periods,
        [
            (
                "the ratio is upside down: flat places should be checked less often.",
                lambda h, b, H0, H, most: periods(h, b, H, H0, most),
            ),
            ("it rounds down.", lambda *q: periods(*q, up=math.floor)),
            ("it rounds to the nearest; up is asked for.", lambda *q: periods(*q, up=round)),
            ("P comes from the ratio before rounding.", from_the_ratio),
            (
                "the lengths are sums of absolute entries; the length of a vector is something else.",
                lambda *q: periods(*q, size=lambda v: abs(v).sum()),
            ),
            ("the lengths are not rooted: these are squared lengths.", lambda *q: periods(*q, size=lambda v: v @ v)),
            ("h does nothing.", lambda h, *q: periods(1.0, *q)),
            ("b does nothing: P is T1.", lambda h, b, *q: periods(h, 1.0, *q)),
            ("nothing keeps them below `longest`.", lambda h, b, H0, H, most: periods(h, b, H0, H, 10**9)),
            ("P may exceed `longest`.", lambda *q: (periods(*q)[0], math.ceil(q[1] * periods(*q)[0]))),
            ("they come in the other order.", lambda *q: periods(*q)[::-1]),
            (
                "P comes from T1 before it is bounded by `longest`; it is computed from the T1 that you return.",
                from_the_unbounded,
            ),
            ("they are not rounded.", lambda *q: periods(*q, up=float)),
            (
                "one is added to each: it rounds up what is whole already.",
                lambda *q: periods(*q, up=lambda x: math.floor(x) + 1),
            ),
            ("T1 is b times too large: h alone belongs to it.", lambda h, b, *q: periods(h * b, b, *q)),
            ("h and b have changed places.", lambda h, b, *q: periods(b, h, *q)),
            (
                "P is b, whatever T1 is.",
                lambda h, b, H0, H, most: (periods(h, b, H0, H, most)[0], min(most, math.ceil(b))),
            ),
            (
                "|H| is missing: the ratio of two curvatures is asked for.",
                lambda h, b, H0, H, most: periods(h * np.linalg.norm(H), b, H0, H, most),
            ),
            (
                "|H0| is missing: the ratio of two curvatures is asked for.",
                lambda h, b, H0, H, most: periods(h / np.linalg.norm(H0), b, H0, H, most),
            ),
        ],
    ),
    Exercise(
        "07.regions",
        "my_regions",
        [
            (RHO, lasting, 0.25, 29),
            (RHO, lasting, 0.5, 31),
            (RHO, lambda start: 3, 0.125, 24),
            (RHO, lambda start: 3, 0.125, 25),
            (RHO, lambda start: 1, 0.05, 6),
        ],
        regions,
        [
            ("it checks before every step; each region has its period.", lambda *q: regions(*q, every=True)),
            ("a region closes where rho equals tau.", lambda *q: regions(*q, closes=lambda e, tau: e >= tau)),
            ("the first region is missing.", lambda *q: regions(*q)[1:]),
            ("checks are counted from step 0; each region has its own clock.", lambda *q: regions(*q, since_zero=True)),
            ("a new region opens one step after the check that closed the old one.", lambda *q: regions(*q, late=1)),
            (
                "it opens regions where the model is right, and keeps it where it is wrong.",
                lambda *q: regions(*q, closes=lambda e, tau: e <= tau),
            ),
            ("every check opens a region, whatever rho says.", all_checks),
            ("there is a check after the last step.", lambda *q: regions(*q, reach=1)),
            (
                "rho is asked for from the last check; where was the model made?",
                lambda *q: regions(*q, last_check=True),
            ),
            (
                "these are the regions' lengths; the steps at which they open are asked for.",
                lambda *q: np.diff(regions(*q), append=q[-1]),
            ),
            (
                "rho is asked for before every step; each question has its price, so ask only where a check is due.",
                lambda *q: regions(*q, asks=True),
            ),
            (
                "a region is checked once and never again; it goes on with the same T1.",
                lambda *q: regions(*q, once=True),
            ),
            ("the last step has no check: it comes before a step like the others.", lambda *q: regions(*q, reach=-1)),
        ],
    ),
]
