"""Exercises of tutorial 02: backward, tangent, backward tangent, the length of a gradient, and an MLP's gradient."""

import numpy as np

from minicrest.teaching.exercise import Exercise
from minicrest.teaching.solutions.ch02 import (
    DT,
    DY,
    INPUTS,
    RB,
    RDT,
    RT,
    RW,
    RX,
    SIGNALS,
    SIZES,
    THETA,
    B,
    T,
    W,
    X,
    Y,
    as_it_is,
    backward,
    db_mean,
    divided_again,
    hidden_bias,
    last_bias,
    layers_reversed,
    mlp,
    norms,
    read_transposed,
    relaid,
    relu,
    tanh,
    without_b,
)

EXERCISES = [
    Exercise(
        "02.backward",
        "my_linear_backward -> dx, dW, db",
        [(W, X, DY)],
        backward,
        [
            (
                "dW and db are divided by n: whose business is the mean?",
                lambda W, x, dy: (dy @ W.T, x.T @ dy / 4, dy.mean(0)),
            ),
            ("db is divided by n: whose business is the mean?", lambda W, x, dy: (dy @ W.T, x.T @ dy, dy.mean(0))),
            ("db has one row an example: each of them moves the same b.", lambda W, x, dy: (dy @ W.T, x.T @ dy, dy)),
            ("dW is transposed: it should have the shape of W.", lambda W, x, dy: (dy @ W.T, dy.T @ x, dy.sum(0))),
            ("dW and dx are the other way round: dx comes first.", lambda W, x, dy: (x.T @ dy, dy @ W.T, dy.sum(0))),
            (
                "db does not see dy: it counts the examples.",
                lambda W, x, dy: (dy @ W.T, x.T @ dy, np.full(dy.shape[1], 4.0)),
            ),
            (
                "the signs are turned round: subtracting is the business of the step.",
                lambda W, x, dy: tuple(-part for part in backward(W, x, dy)),
            ),
            (
                "dx is divided by n: whose business is the mean?",
                lambda W, x, dy: (dy @ W.T / len(x), x.T @ dy, dy.sum(0)),
            ),
            (
                "everything is divided by n: whose business is the mean?",
                lambda W, x, dy: tuple(part / len(x) for part in backward(W, x, dy)),
            ),
            (
                "db is made of x as well: b's gradient sees dy alone.",
                lambda W, x, dy: (dy @ W.T, x.T @ dy, (x.T @ dy).sum(0)),
            ),
        ],
    ),
    Exercise(
        "02.tangent",
        "my_linear_tangent",
        [(W, B, X, RW, RB, RX)],
        lambda W, b, x, RW, Rb, Rx: Rx @ W + x @ RW + Rb,
        [
            ("the moving input is missing: what does x's speed do to y?", lambda W, b, x, RW, Rb, Rx: x @ RW + Rb),
            ("the moving W is missing: what does W's speed do to y?", lambda W, b, x, RW, Rb, Rx: Rx @ W + Rb),
            ("the moving b is missing.", lambda W, b, x, RW, Rb, Rx: Rx @ W + x @ RW),
            (
                "both factors of a product are moved at once; the product rule moves one at a time.",
                lambda W, b, x, RW, Rb, Rx: Rx @ RW + Rb,
            ),
            (
                "b is added where its speed Rb belongs.",
                lambda W, b, x, RW, Rb, Rx: Rx @ W + x @ RW + b,
            ),
            (
                "that is y itself after a whole step, not how fast it moves.",
                lambda W, b, x, RW, Rb, Rx: (x + Rx) @ (W + RW) + b + Rb,
            ),
            (
                "W and RW have changed places: of each product one factor moves.",
                lambda W, b, x, RW, Rb, Rx: Rx @ RW + x @ W + Rb,
            ),
            (
                "one of the two terms is subtracted; the product rule adds them.",
                lambda W, b, x, RW, Rb, Rx: Rx @ W - x @ RW + Rb,
            ),
            (
                "one of the two terms is subtracted; the product rule adds them.",
                lambda W, b, x, RW, Rb, Rx: x @ RW - Rx @ W + Rb,
            ),
            ("that is y: nothing in it moves.", lambda W, b, x, RW, Rb, Rx: x @ W + b),
            ("Rb is subtracted.", lambda W, b, x, RW, Rb, Rx: Rx @ W + x @ RW - Rb),
            (
                "both factors of a product are moved at once as well; the product rule moves one at a time.",
                lambda W, b, x, RW, Rb, Rx: Rx @ W + x @ RW + Rx @ RW + Rb,
            ),
        ],
    ),
    Exercise(
        "02.tanh",
        "my_tanh_backward_tangent",
        [(T, DT, RT, RDT)],
        tanh(),
        [
            ("only dy moves: 1 - y^2 has a speed as well.", tanh(second=0.0)),
            ("only 1 - y^2 moves: dy has a speed as well.", tanh(first=0.0)),
            ("the second term has the wrong sign: what is the derivative of -y^2?", tanh(second=2.0)),
            ("a factor is missing in the second term: what is the derivative of a square?", tanh(second=-1.0)),
            ("y moves with speed Ry, not Rx: the chain rule has one more factor.", tanh(moves=False)),
            (
                "y stands where 1 - y^2 belongs: the derivative of tanh is not tanh.",
                lambda x, dy, Rx, Rdy: np.tanh(x) * Rdy - 2 * np.tanh(x) ** 2 * Rx * dy,
            ),
            ("the factor 1 - y^2 of Rdy is missing.", lambda x, dy, Rx, Rdy: Rdy + tanh(first=0.0)(x, dy, Rx, Rdy)),
            (
                "Rx is missing from the second term: how fast does y move?",
                lambda x, dy, Rx, Rdy: tanh()(x, dy, np.ones_like(Rx), Rdy),
            ),
            ("dy is missing from the second term.", lambda x, dy, Rx, Rdy: tanh()(x, np.ones_like(dy), Rx, Rdy)),
            ("dy and Rdy have changed places.", lambda x, dy, Rx, Rdy: tanh()(x, Rdy, Rx, dy)),
            (
                "x stands where y = tanh x belongs.",
                lambda x, dy, Rx, Rdy: (1 - x**2) * Rdy - 2 * x * (1 - x**2) * Rx * dy,
            ),
            (
                "1 - y stands where 1 - y^2 belongs.",
                lambda x, dy, Rx, Rdy: (lambda y: (1 - y) * Rdy - 2 * y * (1 - y) * Rx * dy)(np.tanh(x)),
            ),
            (
                "1 + y^2 stands where 1 - y^2 belongs.",
                lambda x, dy, Rx, Rdy: (lambda y: (1 + y**2) * Rdy - 2 * y * (1 + y**2) * Rx * dy)(np.tanh(x)),
            ),
            (
                "the second term lacks y: the derivative of y^2 is 2 y Ry.",
                lambda x, dy, Rx, Rdy: (lambda q: q * Rdy - 2 * q * Rx * dy)(1 - np.tanh(x) ** 2),
            ),
            (
                "only the term of Rx is right in kind: dy moves with speed Rdy.",
                lambda x, dy, Rx, Rdy: tanh()(x, dy, Rx, dy),
            ),
            (
                "in the speed of y, 1 - y^2 is not right: what is the derivative of tanh?",
                lambda x, dy, Rx, Rdy: (lambda y: (1 - y**2) * Rdy - 2 * y * (1 + y**2) * Rx * dy)(np.tanh(x)),
            ),
            (
                "in the speed of y, y is not squared.",
                lambda x, dy, Rx, Rdy: (lambda y: (1 - y**2) * Rdy - 2 * y * (1 - y) * Rx * dy)(np.tanh(x)),
            ),
            (
                "in front of Rdy, y is not squared.",
                lambda x, dy, Rx, Rdy: (lambda y: (1 - y) * Rdy - 2 * y * (1 - y**2) * Rx * dy)(np.tanh(x)),
            ),
            (
                "in front of Rdy, 1 - y^2 has the wrong sign in it.",
                lambda x, dy, Rx, Rdy: (lambda y: (1 + y**2) * Rdy - 2 * y * (1 - y**2) * Rx * dy)(np.tanh(x)),
            ),
            (
                "Ry is missing from the second term: how fast does y move?",
                lambda x, dy, Rx, Rdy: (lambda y: (1 - y**2) * Rdy - 2 * y * dy)(np.tanh(x)),
            ),
            (
                "2 y is missing from the second term: what is the derivative of a square?",
                lambda x, dy, Rx, Rdy: (lambda y: (1 - y**2) * Rdy - (1 - y**2) * Rx * dy)(np.tanh(x)),
            ),
            ("Rdy is missing from the first term.", lambda x, dy, Rx, Rdy: tanh()(x, dy, Rx, np.ones_like(Rdy))),
        ],
    ),
    Exercise(
        "02.norms",
        "my_norms",
        [(INPUTS, SIGNALS)],
        norms(),
        [
            ("the biases are missing: they have gradients too.", norms(bias=0.0)),
            ("that is the square of the length.", norms(join=sum)),
            (
                "lengths of parts do not add up; what does?",
                norms(join=lambda squares: sum(np.sqrt(s) for s in squares)),
            ),
            ("only the last layer counts here.", norms(join=lambda squares: np.sqrt(squares[-1]))),
            ("only the first layer counts here.", norms(join=lambda squares: np.sqrt(squares[0]))),
            (
                "that is the length of the batch's summed gradient: one number for all examples.",
                lambda inputs, signals: np.sqrt(
                    sum(((x.T @ d) ** 2).sum() + (d.sum(0) ** 2).sum() for x, d in zip(inputs, signals))
                ),
            ),
            (
                "it is divided by n: each example's own gradient is asked for.",
                norms(join=lambda squares: np.sqrt(sum(squares)) / 4),
            ),
            (
                "the bias's 1 is added to the product; it is one more input, whose square is added to those of x.",
                norms(bias=0.0, join=lambda squares: np.sqrt(sum(squares) + len(squares))),
            ),
            (
                "squares of x and of dy are added; an outer product's square length is their product.",
                lambda xs, ds: np.sqrt(sum((x**2).sum(1) + (d**2).sum(1) for x, d in zip(xs, ds))),
            ),
            (
                "only the biases are counted: that is the length of dy.",
                lambda xs, ds: np.sqrt(sum((d**2).sum(1) for d in ds)),
            ),
            (
                "lengths are taken where their squares belong.",
                lambda xs, ds: np.sqrt(
                    sum(np.linalg.norm(x, axis=1) * np.linalg.norm(d, axis=1) for x, d in zip(xs, ds))
                ),
            ),
            (
                "the layers' squares are multiplied; the squares of parts add up.",
                norms(join=lambda squares: np.sqrt(np.prod(squares, axis=0))),
            ),
            (
                "entries are added before they are squared.",
                lambda xs, ds: np.sqrt(sum((x.sum(1) ** 2 + 1) * d.sum(1) ** 2 for x, d in zip(xs, ds))),
            ),
            (
                "means of squares are taken; a squared length is their sum.",
                lambda xs, ds: np.sqrt(sum(((x**2).mean(1) + 1) * (d**2).mean(1) for x, d in zip(xs, ds))),
            ),
            (
                "dy is missing: an outer product's square length is a product of two.",
                lambda xs, ds: np.sqrt(sum((x**2).sum(1) + 1 for x in xs)),
            ),
            ("the bias's 1 is subtracted from x's square; it is added.", norms(bias=-1.0)),
            (
                "the mean of dy's squares is taken; a squared length is their sum.",
                lambda xs, ds: np.sqrt(sum(((x**2).sum(1) + 1) * (d**2).mean(1) for x, d in zip(xs, ds))),
            ),
            (
                "the mean of x's squares is taken; a squared length is their sum.",
                lambda xs, ds: np.sqrt(sum(((x**2).mean(1) + 1) * (d**2).sum(1) for x, d in zip(xs, ds))),
            ),
            ("x is not squared.", lambda xs, ds: np.sqrt(sum((x.sum(1) + 1) * (d**2).sum(1) for x, d in zip(xs, ds)))),
        ],
    ),
    Exercise(
        "02.mlp",
        "my_mlp_gradient",
        [(THETA, SIZES, X, Y), (THETA[:20], (3, 5), X, np.array([4, 0, 2, 2]))],
        mlp(),
        [
            ("on the way back nothing is blocked: what does ReLU do to dy?", mlp(mask=lambda x, dx: dx)),
            ("ReLU blocks where dy is negative; it should look at its input.", mlp(mask=lambda x, dx: relu(dx))),
            ("it is the sum over the examples, not the mean.", mlp(mean=False)),
            ("it uses p alone: y has not been subtracted.", mlp(target=False)),
            ("there is a ReLU after the last layer: logits may be negative.", mlp(last=relu)),
            ("there is no ReLU between the layers.", mlp(act=lambda x: x, mask=lambda x, dx: dx)),
            ("b comes before W in each layer; W comes first.", mlp(bias_first=True)),
            ("the layers are in the order of the way back; theta begins with the first.", layers_reversed),
            ("the sign is turned round.", lambda *q: -mlp()(*q)),
            (
                "W is read as (o, i): theta holds it as (i, o), row by row.",
                relaid(read_transposed, lambda W, i, o: W.T.ravel()),
            ),
            ("W is read as (o, i), and dW is laid out as (i, o).", relaid(read_transposed, as_it_is)),
            (
                "dW is laid out as (o, i): theta holds W as (i, o), row by row.",
                relaid(as_it_is, lambda W, i, o: W.T.ravel()),
            ),
            ("the biases are missing on the way forward.", without_b),
            ("it is divided by n twice.", divided_again),
            (
                "there is a tanh's derivative where ReLU blocks: its slope is 0 or 1.",
                mlp(mask=lambda x, dx: dx * (1 - x**2)),
            ),
            ("ReLU multiplies dy by its output; its slope is 0 or 1.", mlp(mask=lambda x, dx: dx * x)),
            (
                "ReLU lets dy through where its input is negative: the other way round.",
                mlp(mask=lambda x, dx: dx * (x <= 0)),
            ),
            ("the last layer's bias is missing on the way forward.", last_bias(0)),
            ("the last layer's bias is subtracted.", last_bias(-1)),
            ("y is added to p; it is subtracted.", mlp(target=-1)),
            ("db is a mean over the examples; the mean is in dy already.", db_mean),
            ("the hidden layers' biases are missing on the way forward.", hidden_bias(0)),
            ("the hidden layers' biases are subtracted.", hidden_bias(-1)),
            (
                "ReLU is turned round on the way forward: it keeps what is negative.",
                mlp(act=lambda x: np.minimum(x, 0), mask=lambda x, dx: dx * (x > 0)),
            ),
        ],
    ),
]
