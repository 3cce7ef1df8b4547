"""The options of every subcommand, with their help: `add_train(parser)` adds those of `minicrest train`."""

from __future__ import annotations

from minicrest.backend import DEVICES
from minicrest.experiments.options import defaults
from minicrest.experiments.setup import MODELS, PRESETS, Setup
from minicrest.optim import OPTIMIZERS, SCHEDULES
from minicrest.selection import METHODS


def add_train(train) -> None:
    """The options of `minicrest train`."""
    train.add_argument("--method", metavar="METHOD", help=f"a name or module:Class (default: {Setup.method})")
    train.add_argument("--seed", type=int, help=f"of everything random (default: {Setup.seed})")
    train.add_argument("--steps", type=int, help="exactly so many, whatever their bill (default: see --budget)")
    train.add_argument("--out", help="folder for run.npz, run.json, checkpoint.npz (default: one in runs/)")
    _add_plot(train)
    _add_setup(train, "bill", "steps")


def add_compare(compare) -> None:
    """The options of `minicrest compare`."""
    _add_compared(compare)
    compare.add_argument("--seeds", type=int, default=3, help="how many: 0, 1, ... (default: %(default)s)")
    compare.add_argument("--tuned", dest="choices", nargs="+", metavar="FILE",
                         help="what minicrest tune wrote: each method takes its own choice")  # fmt: skip
    _add_grid(compare, "first tune, on this grid: ")
    compare.add_argument("--json", metavar="FILE", help="also write everything as JSON to FILE, or - for stdout")
    compare.add_argument("--csv", metavar="FILE", help="also write the rows of the table to FILE")
    compare.add_argument("--out", help="folder for the runs, compare.png and compare.json (default: one in runs/)")
    _add_setup(compare, "bill", "steps", "both")


def add_tune(tune) -> None:
    """The options of `minicrest tune`."""
    _add_compared(tune)
    _add_grid(tune, "")
    tune.add_argument("--out", help="folder for the runs and tuned-bill.json or tuned-steps.json (default: in runs/)")
    _add_setup(tune, "bill", "steps", "both")


def add_show(show) -> None:
    """The options of `minicrest show`."""
    show.add_argument("folders", nargs="+", metavar="DIR", help="a run's folder, or one that holds runs; any number")
    show.add_argument("--model", metavar="module:function", help="allow the import of the runs' own layers")
    show.add_argument("--plot", metavar="PNG", help="draw them, several comparisons side by side")


def add_resume(resume) -> None:
    """The options of `minicrest resume`."""
    resume.add_argument("path", metavar="DIR", help="the run's folder, or its checkpoint.npz")
    resume.add_argument("--method", metavar="module:Class", help="allow the import of the run's own method")
    resume.add_argument("--model", metavar="module:function", help="allow the import of the run's own network")
    resume.add_argument("--data-dir", help="where the data is now, if it has moved")
    _add_plot(resume)


def add_data(data) -> None:
    """The options of `minicrest data`."""
    _add_data_dir(data)


def add_methods(methods) -> None:
    """The options of `minicrest methods`."""
    methods.add_argument("--check", metavar="METHOD", help="check the contract of a method: a name or module:Class")


def add_theory(theory) -> None:
    """The options of `minicrest theory`."""
    add = theory.add_argument
    add("names", nargs="*", metavar="CLAIM", help="names or their beginnings, as hutchinson (default: all)")
    add("--list", action="store_true", help="list the claims, and check none")
    add("--says", action="store_true", help="also print each claim in words")
    add("--seed", type=int, default=0, metavar="SALT", help="another number, other random numbers (default: 0)")
    add("--salts", type=int, metavar="N", help="N times each claim and its planted violation: a table of counts")
    add("--planted", action="store_true", help="the planted violations in place of the claims: none should hold")
    add("--claims", action="append", metavar="FILE", help="also the CLAIMS that this Python file defines, first")
    add("--json", metavar="FILE", help="also write everything as JSON to FILE, or - for stdout")
    add("--figures", metavar="DIR", help="also draw the claims that have a picture, a PNG each")


def add_tutorials(tutorials) -> None:
    """The options of `minicrest tutorials`."""
    tutorials.add_argument("words", nargs="+", metavar="DIR",
                           help="a folder to write them to, or: status [DIR], which are solved; export "
                                "FILE.py [DIR], your solutions as one module; strip DIR, without solutions and outputs")
    tutorials.add_argument("--force", action="store_true", help="overwrite notebooks that are there")


def _add_compared(parser) -> None:
    parser.add_argument("--methods", nargs="+", default=["full", "random", "shuffle", "crest"], metavar="METHOD",
                        help="names, module:Class, or all (default: full random shuffle crest); random and shuffle, "
                             "which is full training that ends at the budget, are added")  # fmt: skip
    parser.add_argument("--no-full", dest="full", action="store_false", help="leave full training out")
    parser.add_argument("--jobs", type=int, default=1, help="how many processes train at once (default: %(default)s)")
    parser.add_argument("--dask", metavar="ADDRESS", help="train on the workers of a Dask scheduler, as tcp://host:8786")


def _add_grid(parser, first: str) -> None:
    parser.add_argument("--grid", nargs="+", metavar="NAME=VALUES",
                        help=f"{first}lr=0.03,0.1,0.3 m=16,32,64 (also momentum, weight_decay, q)")  # fmt: skip
    parser.add_argument("--tune-seeds", type=int, default=2, help="how many for each point (default: %(default)s)")


def add_paper(paper) -> None:
    """The options of `minicrest paper`."""
    add = paper.add_argument
    add("names", nargs="*", metavar="NAME", help="which claims (default: all, one after the other)")
    add("--list", action="store_true", help="list the claims with the minutes that each takes, and measure none")
    add("--scale", choices=("quick", "laptop", "paper"), default="laptop",
        help="quick: seconds, on built-in data; laptop: minutes; paper: the paper's own networks and schedule, for a "
             "GPU (default: %(default)s)")  # fmt: skip
    add("--jobs", type=int, default=1, help="how many processes measure at once (default: %(default)s)")
    add("--dask", metavar="ADDRESS", help="measure on the workers of a Dask scheduler, which must have the data sets")
    add("--out", default="runs/paper", metavar="DIR",
        help="folder for NAME-SCALE.json, NAME-SCALE.png and what was measured (default: %(default)s)")  # fmt: skip
    _add_data_dir(paper)
    add("--device", choices=DEVICES, default="cpu", help="default: %(default)s")


def add_prepare(prepare) -> None:
    """The options of `minicrest prepare`."""
    prepare.add_argument("--out", required=True, metavar="FILE.npz", help="what train, compare and tune then take")
    prepare.add_argument("--seeds", type=int, default=3, help="that compare will use: 0, 1, ... (default: %(default)s)")
    prepare.add_argument("--tune-seeds", type=int, default=0, help="that tune will use (default: none)")
    prepare.add_argument("--dtype", choices=("float32", "float64"), help=f"default: {Setup.dtype}")
    _add_examples(prepare)
    _add_set(prepare)


def add_report(report) -> None:
    """The options of `minicrest report`."""
    report.add_argument("folder", metavar="DIR", help="a run's folder, or one that holds runs")
    report.add_argument("--out", metavar="FILE.html", help="where to write it (default: DIR/report.html)")
    report.add_argument("--model", metavar="module:function", help="allow the import of the runs' own layers")


def _add_plot(parser) -> None:
    parser.add_argument("--plot", metavar="PNG", help="where to draw the run, and what its method has to show "
                        "(default: run.png in its folder; none: nowhere)")  # fmt: skip


def _add_data_dir(parser) -> None:
    parser.add_argument("--data-dir", help="the folder of the data sets (default: environment variable MINICREST_DATA)")


def _add_examples(parser) -> None:
    """Options that say which examples are trained on."""
    add = parser.add_argument
    add("--data", help="a data set's name (see minicrest data) or the path of an .npz, .csv or .txt "
                       f"(default: {Setup.data})")  # fmt: skip
    _add_data_dir(parser)
    add("--preset", choices=("data", "paper"), default="data",
        help="what the data set wants, or the papers' setting for it where there is one (see minicrest methods)")
    add("--validation", type=float, help=f"part of the training examples to hold out (default: {Setup.validation:g})")
    add("--test", type=float, help="part of the examples to test on, for data that comes without a test part")
    add("--transform", nargs="+", metavar="NAME=VALUE",
        help="of the examples trained on: label-noise=0.2 (part of the labels wrong), imbalance=10 (first class to "
             "last), copies=9 (near copies of each easy example)")  # fmt: skip


def _add_set(parser) -> None:
    parser.add_argument("--set", nargs="+", default=[], action="extend", metavar="NAME=VALUE",
        help="the method's hyper-parameters: tau=0.1 h=2, or crest.tau=0.1 for one of several")  # fmt: skip


def _add_setup(parser, *ways: str) -> None:
    """Options that train and compare share; those not given are the data set's preset, listed under --help."""
    add = parser.add_argument
    _add_examples(parser)
    add("--model", help=f"{', '.join(MODELS)} or module:function, called with (shape, classes)")
    add("--hidden", type=int, nargs="*", help="the mlp's hidden layers; none of them: softmax regression")
    add("--q", type=float, help="for labels that may be wrong: q of the generalized cross-entropy, in (0, 1], as "
                                "0.3 (default: 0, the cross-entropy; infobatch's own q is set by --set)")  # fmt: skip
    add("--m", type=int, help="batch size")
    add("--epochs", type=int, help="of full training")
    add("--budget", type=float, help=f"the part of full training's that others get (default: {Setup.budget:g})")
    add("--equal", choices=ways, help="whether the budget is of the bill, selection included, or of the steps "
                                      f"(default: {Setup.equal})")  # fmt: skip
    add("--optimizer", choices=OPTIMIZERS, help=f"default: {Setup.optimizer}")
    add("--lr", type=float, help="learning rate at its highest")
    add("--momentum", type=float, help=f"of sgd (default: {Setup.momentum:g})")
    add("--weight-decay", type=float)
    add("--schedule", choices=SCHEDULES, help=f"default: {Setup.schedule}")
    add("--device", choices=DEVICES, help=f"default: {Setup.device}")
    add("--dtype", choices=("float32", "float64"), help=f"default: {Setup.dtype}")
    add("--evaluations", type=int, help=f"about how many on the test set (default: {Setup.evaluations})")
    add("--checkpoint-every", type=int, metavar="STEPS", help=f"default: {Setup.checkpoint_every}")
    add("--prepared", metavar="FILE", help="what minicrest prepare wrote: the subsets of milo")
    _add_set(parser)
    wide = max(map(len, METHODS)) + 2
    lines = [f"  {name:{wide}}{_described(name)}" for name in [*PRESETS, "your own"]]
    kinds = [f"  {name:{wide}}{', '.join(defaults(method))}" for name, method in METHODS.items()]
    lines = ["presets:", *lines, "", "methods and their hyper-parameters:", *kinds, "", parser.epilog]
    parser.epilog = "\n".join(lines)


def _described(name: str) -> str:
    s = Setup.preset({"data": name})
    layers = f" {' '.join(map(str, s.hidden))}" if s.model == "mlp" else ""
    return f"{s.model}{layers}, m {s.m}, {s.epochs} epochs, lr {s.lr:g}, weight decay {s.weight_decay:g}"
