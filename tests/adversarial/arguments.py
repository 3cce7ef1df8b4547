"""What the parameters of minicrest's public callables mean, legal values for them, and what is legal after all.

MEANINGS has the meaning of a parameter by its name; OVERRIDES by "callable.name" where one name means several things.
What neither lists follows from its annotation and its default. VALUES has legal values of required parameters.
"""

from __future__ import annotations

import fnmatch
import inspect

import numpy as np

from minicrest.batch import Batch
from minicrest.datasets import Dataset
from minicrest.experiments import Setup
from minicrest.ledger import Ledger
from minicrest.nn import Linear, SoftmaxCrossEntropy, mlp
from minicrest.optim import SGD, AdamW
from minicrest.oracle import Oracle
from minicrest.selection import METHODS
from minicrest.submodular import FacilityLocation
from minicrest.taylor import MovingAverage, Quadratic
from minicrest.train import train

OUTSIDE = {  # public by name, but no call of a user's
    "arguments.*": "the checks themselves",
    "threads.*": "internal: how work is shared among threads",
    "figures.*": "internal: where pictures are drawn and saved",
    "cli.main": "command lines are tried on their own",
    "checkpoint.write_atomically": "internal: how every file is written",
    "optim.*State": "a state: made by init",
    "run.Curve*": "a result",
    "run.Run": "a result",
    "oracle.Oracle.descend": "for forks alone",
    "*.move": "for whoever trains",
    "ledger.Ledger": "bookkeeping: made by Oracle",
    "ledger.Bill": "the same",
    "experiments.carry_out": "internal: one run of compare",
    "experiments.Comparison*": "a result",
    "experiments.Tuning*": "a result",
    "experiments.Preparations*": "a result",
    "experiments.Setup.train": "internal: what run does with what build made",
    "nn.Network.finish": "internal: the second half of a step",
    "backend.cupy_module": "internal: needs CuPy",
    "backend.matmul": "internal: the product of layers, which check its arguments",
    "backend.multiplying_by": "internal: the same",
    "experiments.claimed": "internal: a folder that one process owns",
    "learner.parts": "internal: how a question is cut into parts",
    "learner.read_only": "internal: how parameters are handed to methods",
    "npz.*": "internal: how archives are read; tried bit by bit",
    "nn.Layer": "the base of layers: takes nothing",
    **{f"theory.*.{name}": "the checks themselves"
       for name in ("checked", "at_most", "check_step", "curvature_sum", "places", "same_length")},
    "selection.Method": "the base of methods: takes nothing",
}
PASSES = {  # methods that minicrest calls with what it has checked: nobody else calls them
    *"initialize split forward backward tangent backward_tangent leaves batch_statistics per_example gram".split(),
    *"square_norms square_sum cut".split(),  # layers
    *"losses gradient hessian curvature_root predict both reported".split(),  # losses
    *"init propose choose observe report score scores note preparation passes next_batch descend".split(),  # methods
    *"prepared times transposed weights".split(),  # convolutions
    *"value start add gains refresh restrict squares arguments_again".split(),  # set functions
}

MEANINGS = {
    "count": "m k r R runs N T T1 T2 T_p t b_H estimates n d C parts probes epochs steps channels inputs outputs "
             "kernel n_subsets evaluations checkpoint_every longest rounds evaluate_every memory stride b_size jobs",
    "whole": "seed",
    "natural": "padding augment forward backward hessian time s e q warmup_steps",
    "number": "constant factor",
    "positive": "lr h b eta L_s mu alpha beta sigma nu D0 H0 max_bill error largest",
    "not negative": "weight_decay l2 lam kappa power damping noise separation tau bias v seconds square total empty "
                    "best",
    "part": "fraction momentum beta1 beta2 validation label_noise delta offset epsilon a always never eps progress "
            "warmup decay budget part test_part",
    "flag": "smooth exclude many normalise normal images bias_too full",
    "option": "device dtype curvature equal method model schedule optimizer elements target encoder activation order",
    "text": "name title purpose home data",
    "path": "out checkpoint data_dir folder note",
    "file": "path",
    "features": "x G H features similarity distances p u history slopes curvatures margins",
    "labels": "y labels",
    "indices": "i indices S easy",
    "parameters": "theta gradient",
    "weights": "weights gamma residuals",
    "object": "network oracle loss layers f rng batch state ledger body setup object",
    "function": "hvp stop write",
    "sequence": "sizes hidden milestones setups methods assignments shape seeds modules",
}  # fmt: skip
BY_NAME = {name: kind for kind, names in MEANINGS.items() for name in names.split()}
OVERRIDES = {
    "theory.bounds.periods.H": "positive", "datasets.Dataset.test": "object",
    "datasets.Dataset.validation": "object", "datasets.Dataset.classes": "sequence",
    "datasets.load.test": "part", "submodular.*.memory": "natural", "submodular.quotas.k": "natural",
    "datasets.blobs.n": "count", "nn.Conv2d.bias": "flag", "nn.lenet.classes": "count",
    "nn.resnet*.classes": "count", "datasets.spirals.classes": "count", "nn.BatchNorm2d.eps": "not negative",
    "optim.AdamW.eps": "positive", "nn.mlp.activation": "function", "selection.Crest.order": "natural",
    "selection.Crest.warmup": "natural", "selection.InfoBatch.q": "part", "selection.UCB.c": "not negative",
    "selection.*.features": "option", "train.train.progress": "flag", "train.train.schedule": "object",
    "train.train.method": "object", "train.train.optimizer": "object", "experiments.*.progress": "flag",
    "oracle.Oracle.hvp.v": "parameters", "learner.Learner.hvp.v": "parameters", "nn.Network.hvp.v": "parameters",
    "taylor.hutchinson*.probes": "features", "taylor.Quadratic.curvature": "parameters", "taylor.*.delta": "parameters",
    "taylor.*.loss": "number", "taylor.MovingAverage.beta": "part", "taylor.MovingAverage.count": "natural",
    "theory.bounds.*.curvature": "features", "theory.bounds.*.loss": "not negative",
    "theory.bounds.excluded_gradient.alpha": "not negative", "theory.*.alpha": "positive", "theory.*.easy": "flags",
    "theory.*.infobatch_variance.q": "part",
    "theory.chance_bounds.*.beta": "part", "theory.*.R": "positive", "theory.*.longest": "positive",
    "theory.*.H0": "not negative", "theory.*.D0": "not negative", "theory.*.sigma": "not negative",
    "theory.*.largest": "not negative",
    "theory.*incremental_step.C": "not negative", "theory.*neighbourhood.C": "not negative",
    "theory.*.newton_distance.steps": "natural",
    "theory.*.eps": "not negative", "theory.*.failure": "part", "theory.*.beta": "positive", "theory.*.t": "count",
    "optim.*.state": "object", "selection.*.prepared": "object", "selection.*.warmup": "natural",
    "submodular.stochastic_greedy.eps": "part", "selection.GradMatch.lam": "not negative", "*.never_seen.q": "count",
    "ledger.Ledger.phases": "object", "*.jobs": "count", "oracle.Oracle.predictions.logits": "features",
    "experiments.compare.network": "object", "experiments.compare.data": "object", "experiments.Setup.data": "text",
    "experiments.tune.network": "object", "experiments.tune.data": "object", "experiments.tune.grid": "object",
    "experiments.compare.seeds": "count", "experiments.tune.seeds": "count", "experiments.compare.tuned": "object",
    "experiments.*.scheduler": "object", "experiments.*.prepared": "object", "datasets.readers.*.largest": "count",
    "taylor.root_mean_square.squares": "object", "*.best": "not negative", "backend.*.array": "object",
    "*.path": "path", "estimators.*.method": "option", "estimators.*.function": "option",
    "estimators.*.random_state": "natural", "estimators.*.gamma": "positive",
    "checkpoint.load.path": "file", "*.shift": "object", "*.scale": "object", "theory.*.target": "features",
}  # fmt: skip
WORDS = {  # other words for a parameter in a message
    "y": ("label", "target"), "x": ("input", "example"), "i": ("indices", "example"), "data": ("data set",),
    "f": ("set function", "function"), "k": ("element",), "layers": ("layer",), "body": ("layer",),
    "shortcut": ("layer",), "batch": ("indices", "weights"),
    "rng": ("generator",), "hvp": ("function",), "v": ("vector",), "path": ("checkpoint", "file"), "S": ("indices",),
    "similarity": ("similarities", "matrix"), "distances": ("matrix",), "H": ("matrix", "Hessian"),
    "name": ("data set",), "data_dir": ("folder",), "stats": ("statistics",), "theta": ("parameter",),
    "method": ("object",), "methods": ("method",), "seeds": ("seed",), "network": ("model",),
    "fraction": ("label-noise",), "grid": ("lr",),
    "validation": ("part",), "test": ("part",), "loss": ("losses",), "sizes": ("size",),
}  # fmt: skip
LEGAL = {  # calls that return although the generator takes the value for bad: pattern -> why
    "experiments.Setup(hyper=list)": "a list of no pairs",
    "experiments.Setup(t*=list)": "the same",
    "nn.Network.*(x=NaN inside)": "a network that diverges shows it: data are checked where they are loaded",
    "nn.Network.*(x=inf inside)": "the same",
    "nn.Network.*(weights=NaN inside)": "the same: the oracle refuses them",
    "nn.Network.*(stats=list)": "no statistics: as many as an MLP has",
    "nn.Residual(*=list)": "an empty chain is the identity",
    "nn.Sequential(layers=list)": "the same",
    "theory.chance_bounds.*(t=inf)": "what the average tends to",
    "theory.bounds.coreset_*(residuals=too short)": "one for each subset that is listed",
    "theory.bounds.rate(N=1.5)": "iterations gives real numbers of steps",
    "theory.family_bounds.running_*(history=one axis more)": "a row a step: (t, n)",
    "theory.family_bounds.match_error(G=no rows)": "the error of the empty set",
    "backend.device_of(array=*)": "whatever is on no device is on the host",
    "checkpoint.save(tree=*)": "a tree of one leaf",
    "selection.Crest(tau=inf)": "a region never ends",
    "selection.Crest(alpha=inf)": "every example counts as learned",
    "selection.Crest(alpha=-1)": "no example is ever learned",
    "selection.Crest(alpha=0)": "the same",
    "selection.EL2N(t=0)": "scored at initialization",
    "selection.GraNd(t=0)": "the same",
    "selection.SelectiveBackprop(beta=0)": "every example is kept",
    "batch.*(indices=10[*][*]9 inside)": "a batch does not know of how many examples; the oracle does",
    "datasets.*(y=halves)": "float targets",
    "backend.to_*(array=*)": "whatever NumPy makes an array of",
    "taylor.MovingAverage(total=*)": "a state: made by update",
    "taylor.MovingAverage.update(x=one axis more)": "arrays of any shape are averaged, if of one",
    "taylor.MovingAverage.update(x=no rows)": "the same",
    "taylor.MovingAverage.update(x=3)": "a number is an array without axes",
    "taylor.*=NaN inside)": "NaN in, NaN out: the trainer looks for it",
    "taylor.*=inf inside)": "the same",
    "taylor.Quadratic(gradient=too short)": "any d: there is no curvature to fit",
    "optim.*.init(theta=too short)": "any d",
    "checkpoint.load(modules='text')": "the name of a module",
    "oracle.*(stats=list)": "no statistics, for a network without batch-norm",
    "oracle.*(statistics=list)": "the same",
    "learner.Learner.following(batch_statistics=None)": "a batch without any",
    "learner.Learner.following(batch_statistics=list)": "none, for a network without batch-norm",
    "oracle.Oracle.raw(i=one axis more)": "answers have the shape of the question",
    "oracle.Oracle.answers(i=one axis more)": "the same",
    "oracle.Oracle.losses(i=one axis more)": "the same",
    "oracle.Oracle.logit_gradients(i=one axis more)": "the same",
    "oracle.Oracle.predictions(logits=NaN inside)": "what has diverged still predicts some class",
    "oracle.Oracle.predictions(logits=inf inside)": "the same",
    "oracle.Oracle.predictions(logits=no rows)": "no predictions of no examples",
    "datasets.Dataset(optimum=*)": "kept for theory as it is",
    "submodular.facility_location(features=one axis more)": "one problem more",
    "submodular.facility_location(labels=halves)": "any numbers name classes",
    "submodular.facility_location(labels=*inside)": "the same",
    "datasets.Dataset.augmented(rng=*)": "nothing is drawn where augment is 0",
    "datasets.load(data_dir=*)": "what is built in lies in no folder",
}


# ---- legal values, made anew for every call: some calls change what they are given


def _data() -> Dataset:
    x, y = np.arange(24.0).reshape(12, 2) / 24, np.arange(12) % 3
    return Dataset(x, y, test=Dataset(x[:6], y[:6]), validation=Dataset(x[6:], y[6:]))


def _network():
    return mlp((2, 3, 3))


def _oracle() -> Oracle:
    network = _network()
    return Oracle(network, _data(), network.initialize(0, "float64"))


def _learner():
    from minicrest.learner import Learner

    return Learner(_oracle())


def _theta():
    return _network().initialize(0, "float64")


def _batch() -> Batch:
    return Batch(np.array([0, 1, 2]), np.ones(3))


def _setup() -> Setup:
    return Setup(data="blobs", model="logistic", method="random", steps=1, m=8)


def _run():
    return train(METHODS["random"](m=4), _oracle(), SGD(), 1, progress=False)


def _similarity():
    return np.array([[1.0, 0.5, 0.2], [0.5, 1.0, 0.3], [0.2, 0.3, 1.0]])


def fitted(estimator):
    """What makes the estimator and fits it: scikit-learn wants settings to be checked there, and nowhere before."""

    def made_and_fitted(**settings):
        return estimator(**settings).fit(_data().x, _data().y)

    made_and_fitted.__signature__ = inspect.signature(estimator)
    return made_and_fitted


RECEIVERS = {  # class -> an object whose methods are called
    "datasets.Dataset": lambda: Dataset(_data().x, _data().y),
    "nn.Network": _network,
    "oracle.Oracle": _oracle,
    "learner.Learner": _learner,
    "optim.SGD": SGD,
    "optim.AdamW": AdamW,
    "ledger.Ledger": Ledger,
    "experiments.Setup": _setup,
    "run.Run": _run,
    "taylor.MovingAverage": lambda: MovingAverage(0.9),
    "taylor.Quadratic": lambda: Quadratic(1.0, _theta(), _theta()),
}


VALUES = {  # parameter -> a legal value
    "x": lambda: _data().x, "y": lambda: _data().y, "labels": lambda: _data().y, "i": lambda: np.arange(3),
    "indices": lambda: np.arange(3), "S": lambda: np.arange(2), "gamma": lambda: np.ones(3),
    "weights": lambda: np.ones(3), "theta": _theta, "gradient": _theta, "v": _theta, "network": _network,
    "data": _data, "oracle": _oracle, "batch": _batch, "loss": SoftmaxCrossEntropy, "layers": lambda: [Linear(2, 3)],
    "body": lambda: [Linear(2, 2)], "rng": lambda: np.random.default_rng(0), "features": lambda: _data().x,
    "G": lambda: _data().x, "H": _similarity, "similarity": _similarity, "distances": lambda: 1 - _similarity(),
    "f": lambda: FacilityLocation(_similarity()), "hvp": lambda: lambda probes: 2 * probes,
    "probes": lambda: np.ones((2, 3)), "modules": lambda: (), "path": lambda: "made.npz",
    "tree": lambda: {"a": 1}, "out": lambda: "out",
    "checkpoint": lambda: "made/checkpoint.npz", "method": lambda: METHODS["random"](m=4), "optimizer": SGD,
    "state": lambda: SGD().init(_theta()), "device": lambda: "cpu", "array": lambda: np.ones(3),
    "sizes": lambda: (4, 5),
    "hidden": lambda: (4,), "shape": lambda: (2, 3), "fraction": lambda: 0.5, "name": lambda: "blobs",
    "setup": _setup, "setups": lambda: [_setup()], "assignments": lambda: ["m=4"], "methods": lambda: ["random"],
    "text": lambda: _setup().to_json(), "given": lambda: {"data": "blobs"}, "note": lambda: "setup.json",
    "stats": lambda: np.zeros(0), "seen": lambda: np.zeros(0), "logits": lambda: np.ones((3, 3)),
    "squares": lambda: MovingAverage(0.9).update(np.ones(3)), "delta": _theta, "curvature": lambda: np.ones(3),
    "p": lambda: np.full(3, 1 / 3), "u": lambda: np.ones(3), "history": lambda: np.ones(4),
    "slopes": lambda: np.ones(3), "curvatures": lambda: np.ones(3), "margins": lambda: np.ones(3),
    "residuals": lambda: np.ones(3), "easy": lambda: np.arange(12) < 6, "target": lambda: np.ones(2), "n": lambda: 12,
    "k": lambda: 2, "statistics": lambda: np.zeros(0), "batch_statistics": lambda: np.zeros(0),
    "mean": lambda: np.ones(3), "task": lambda: 0, "steps": lambda: 1,
}  # fmt: skip
SPECIAL = {  # callable.parameter -> a legal value where the name alone does not say it
    "nn.mlp.sizes": lambda: (2, 3, 3), "nn.resnet.depth": lambda: 8, "nn.resnet.shape": lambda: (1, 8, 8),
    "taylor.*.loss": lambda: 1.0, "theory.bounds.*.loss": lambda: 1.0,
    "optim.AdamW.update.state": lambda: AdamW().init(_theta()), "theory.*.curvature": lambda: _similarity().diagonal(),
    "checkpoint.load.path": lambda: "there.npz", "experiments.saved_setup.checkpoint": lambda: "there.npz",
    "theory.*.v": lambda: 1.0, "theory.*.n": lambda: 12, "taylor.MovingAverage.update.x": lambda: np.ones(3),
    "datasets.logistic_optimum.y": lambda: _data().y % 2,
    "theory.bounds.single_coreset_error.weights": lambda: np.ones(3),
    "experiments.hyperparameters.methods": lambda: ["random"], "nn.Network.*.weights": lambda: np.ones(12),
    "theory.bounds.periods.H": lambda: 0.5, "random.stream.seed": lambda: 0, "theory.*by_norms.eta": lambda: 0.1,
    "theory.*.cover_size.largest": lambda: 2.0, "theory.*.cover_size.best": lambda: 2,
}  # fmt: skip
BY_MEANING = {"count": 2, "whole": 1, "natural": 1, "number": 1.0, "positive": 0.5, "not negative": 0.5, "part": 0.5,
              "flag": True,
              "text": "text", "path": "made"}  # fmt: skip


def receiver(holder: str):
    """The object whose methods are called."""
    return RECEIVERS[holder]()


def legal_arguments(name: str, parameters: dict[str, inspect.Parameter]) -> dict:
    """Legal values for some parameters of the callable `name`, as far as there are any listed."""
    found = {key: _legal(f"{name}.{key}", p, meaning(name, p)) for key, p in parameters.items()}
    return {key: value for key, value in found.items() if value is not inspect.Parameter.empty}


def _legal(dotted: str, parameter, kind):
    special = [make for pattern, make in SPECIAL.items() if fnmatch.fnmatchcase(dotted, pattern)]
    if special:
        return special[0]()
    if kind in BY_MEANING and parameter.name not in VALUES:
        return BY_MEANING[kind]
    return VALUES[parameter.name]() if parameter.name in VALUES else parameter.default


def meaning(name: str, parameter: inspect.Parameter) -> str:
    """What an argument of the callable `name` means: a key of bad_calls.BAD or of bad_calls.ARRAYS."""
    dotted = f"{name}.{parameter.name}"
    special = [kind for pattern, kind in OVERRIDES.items() if fnmatch.fnmatchcase(dotted, pattern)]
    return (special or [BY_NAME.get(parameter.name) or _by_annotation(parameter)])[0]


def _by_annotation(parameter) -> str:
    text = f"{parameter.annotation} {type(parameter.default).__name__}"
    kinds = {"bool": "flag", "int": "natural", "float": "number", "str": "text"}
    return next((kind for word, kind in kinds.items() if word in text), "object")
