"""The command line: train one network, compare methods, resume what was stopped, see what data there is.

Every subcommand turns its arguments into Setups (experiments/setup.py) and does the same three things: carry out,
print, save. What is wrong with the arguments, the files or the device is one line on stderr and exit code 2.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import signal
import sys
from contextlib import contextmanager
from dataclasses import fields, replace
from pathlib import Path

import minicrest
from minicrest.backend import DEVICES
from minicrest.checkpoint import write_atomically
from minicrest.datasets import available
from minicrest.experiments import MODELS, PRESETS, Setup, compare, plots, tables
from minicrest.experiments.compare import carry_out, saved_setup
from minicrest.experiments.setup import hyperparameters, with_validation
from minicrest.figures import save_png
from minicrest.optim import OPTIMIZERS, SCHEDULES
from minicrest.selection import METHODS

STOPPED = 130  # what a shell reports of a program that Ctrl-C ended


def main(argv=None) -> int:
    """Run the command line `argv` (None: the process's own) and return its exit code: 0, 2 for bad arguments, 130."""
    try:
        arguments = _parser().parse_args(argv)
        return arguments.command(arguments)
    except (ValueError, TypeError, OSError) as error:
        print(f"minicrest: error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:  # outside training, where there is nothing to save
        print("minicrest: interrupted; the same command starts again", file=sys.stderr)
        return STOPPED


# ---- the subcommands


def _train(arguments) -> int:
    method = arguments.method or Setup.method
    setup = _setup(arguments, method=method, hyper=hyperparameters(arguments.set, [method])[method])
    (setup,), held_out = with_validation([setup])
    print(*held_out, sep="", end="\n" if held_out else "")
    folder = Path(arguments.out) if arguments.out else setup.folder(_default_out(setup))
    return _carry_out(setup, folder / "checkpoint.npz", arguments.plot)


def _resume(arguments) -> int:
    path = Path(arguments.path)
    checkpoint = path / "checkpoint.npz" if path.is_dir() else path
    return _carry_out(saved_setup(checkpoint), checkpoint, arguments.plot)


def _carry_out(setup, checkpoint, plot) -> int:
    with _stop_on_interrupt() as stop:
        run = carry_out(setup, checkpoint, stop)
    if not run.complete:
        done = f"step {run.steps} of {run.settings['steps']}"
        if run.settings["max_bill"]:
            done = f"step {run.steps}, with {100 * run.ledger.cost / run.settings['max_bill']:.0f}% of the bill used"
        print(f"stopped at {done}; go on with: minicrest resume {shlex.quote(str(checkpoint))}", file=sys.stderr)
        return STOPPED
    print(tables.summary(setup, run))
    print(f"saved in {checkpoint.parent}: run.npz, run.json, checkpoint.npz")
    if plot:
        save_png(plots.run_picture(run, tables.title(setup)), plot)
        print(f"picture: {plot}")
    if plot and "kept" in run.report:  # dynamic pruning: who was kept how often
        path = Path(plot).with_stem(f"{Path(plot).stem}-census")
        save_png(plots.census_picture(run.report["kept"], len(run.report["checkpoint_step"])), path)
        print(f"picture: {path}")
    return 0


def _compare(arguments) -> int:
    methods, said = _methods(arguments.methods, arguments.full)
    hyper = hyperparameters(arguments.set, methods)
    if arguments.seeds < 1:
        raise ValueError(f"seeds is how many, at least 1, got {arguments.seeds}")
    seeds = range(arguments.seeds)
    shared = _setup(arguments, method="random")
    setups = [replace(shared, method=k, hyper=hyper[k], seed=seed) for seed in seeds for k in methods]
    setups, held_out = with_validation(setups)
    said += held_out
    out = Path(arguments.out or _default_out(shared))
    before = sum((setup.folder(out) / "run.npz").exists() for setup in setups)
    with _stop_on_interrupt() as stop:
        done = compare(setups, out, stop)
    if not done[-1].complete:
        print(f"stopped in run {len(done)} of {len(setups)}; go on with the same command: what is in {out} is kept and "
              "the run that was stopped goes on from its checkpoint", file=sys.stderr)  # fmt: skip
        return STOPPED
    runs = {k: [run for setup, run in zip(setups, done) if setup.method == k] for k in methods}
    if before:
        said.append(f"{before} of {len(setups)} runs were in {out} already; delete it to train them again.")
    _report(shared, seeds, runs, said, arguments.json, out)
    return 0


def _report(shared, seeds, runs, said, json_to, out) -> None:
    """Print the table (to stderr where stdout is for the JSON) and save the picture and the JSON."""
    rows = tables.rows(runs)
    text = json.dumps(tables.document(shared, seeds, runs), indent=1, allow_nan=False) + "\n"
    for path in {out / "compare.json", *([Path(json_to)] if json_to not in (None, "-") else [])}:
        write_atomically(path, lambda file: file.write(text.encode()))
    save_png(plots.comparison(runs, tables.heading(shared, seeds)), out / "compare.png")
    lines = [tables.heading(shared, seeds), "", tables.table(rows), "", *tables.legend(shared, seeds, rows), *said,
             f"Saved in {out}: compare.png, compare.json and a folder a run."]  # fmt: skip
    print("\n".join(lines), file=sys.stderr if json_to == "-" else sys.stdout)
    if json_to == "-":
        sys.stdout.write(text)


def _data(arguments) -> int:
    rows = available(arguments.data_dir)
    there = [[name, "yes", where] for name, present, where, _ in rows if present]
    absent = [[name, "no", ""] for name, present, *_ in rows if not present]
    print(tables.columns([["name", "present", "where"], *there, *absent], right=False))
    for name, present, lacking, how in rows:
        if not present:
            print(f"\nTo get {name}: {how}\n  {lacking}")
    return 0


# ---- from arguments to setups


def _setup(arguments, **fixed) -> Setup:
    given = {f.name: getattr(arguments, f.name, None) for f in fields(Setup) if f.name not in fixed}
    given = {name: value for name, value in given.items() if value is not None}
    if "hidden" in given:
        given["hidden"] = tuple(given["hidden"])
    if "data_dir" in given:
        given["data_dir"] = str(Path(given["data_dir"]).resolve())  # `resume` may be run from elsewhere
    if given.get("data", "").endswith(".npz"):
        given["data"] = str(Path(given["data"]).resolve())
    return Setup.preset(given | fixed)


def _methods(asked, full: bool) -> tuple[list[str], list[str]]:
    """The methods to compare, random first and full second, and what to say about it."""
    asked = list(METHODS) if "all" in asked else list(dict.fromkeys(asked))
    said = [] if "random" in asked else ["random was added: every method is shown beside it."]
    rest = [name for name in asked if name not in ("random", "full")]
    return ["random", *(["full"] if full else []), *rest], said


def _default_out(setup) -> Path:
    return Path("runs") / f"{Path(setup.data).stem}-{setup.model}"


@contextmanager
def _stop_on_interrupt():
    """A function that says whether Ctrl-C was pressed. A second Ctrl-C ends the process at once."""
    pressed = []

    def note(signum, frame):
        pressed.append(signum)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.write(2, b"\nfinishing this step and saving; Ctrl-C again ends at once\n")  # print is not safe in a handler

    before = signal.signal(signal.SIGINT, note)
    try:
        yield lambda: bool(pressed)
    finally:
        signal.signal(signal.SIGINT, before)


def _list_methods(arguments) -> int:
    print(f"Prices are in {tables.RATE}; m examples a batch, n in all, k = fraction n kept.")
    for name, method in METHODS.items():
        defaults = ", ".join(f"{f.name}={f.default!r}" for f in fields(method))
        print(f"\n{name}\n  paper   {method.paper}\n  takes   {defaults}\n  costs   {method.price}")
    return 0


def _theory(arguments) -> int:
    from minicrest.theory.claims import report

    rows = report.run(arguments.claims or None)
    print(report.table(rows, arguments.says))
    if arguments.figures:
        print(*(f"picture: {path}" for path in report.figures(arguments.figures, arguments.claims or None)), sep="\n")
    return 0 if all(row.verdict.holds for row in rows) else 1


# ---- the parser


class _Parser(argparse.ArgumentParser):
    def error(self, message):
        """One line, not the usage and a line: `main` prints it."""
        raise ValueError(f"{message} (see {self.prog} --help)")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="minicrest", description="Data-efficient training, always beside random selection.")
    parser.add_argument("--version", action="version", version=f"minicrest {minicrest.__version__}")
    commands = parser.add_subparsers(required=True, metavar="train | compare | resume | data | methods | theory")
    _add_train(commands)
    _add_compare(commands)
    resume = _add(commands, "resume", _resume, "go on from a checkpoint with its own settings, to the same weights")
    resume.add_argument("path", help="a checkpoint.npz, or the folder that holds it")
    _add_plot(resume)
    data = _add(commands, "data", _data, "what data sets there are, and how to get the rest")
    _add_data_dir(data)
    _add(commands, "methods", _list_methods, "each method's paper, hyper-parameters and price")
    theory = _add(commands, "theory", _theory, "check what the papers prove, claim by claim, against this code")
    theory.add_argument("claims", nargs="*", help="names or their beginnings, as hutchinson (default: all)")
    theory.add_argument("--says", action="store_true", help="each claim in words, too")
    theory.add_argument("--figures", metavar="DIR", help="also draw the claims that have a picture, a PNG each")
    return parser


def _add(commands, name, command, what):
    parser = commands.add_parser(name, help=what, description=what[0].upper() + what[1:] + ".",
                                 formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    parser.set_defaults(command=command)
    return parser


def _add_train(commands) -> None:
    train = _add(commands, "train", _train, "train one network with one method; again, and it goes on where it stopped")
    train.add_argument("--method", choices=METHODS, help=f"default: {Setup.method}")
    train.add_argument("--seed", type=int, help=f"of everything random (default: {Setup.seed})")
    train.add_argument("--steps", type=int, help="exactly so many, whatever their bill (default: see --budget)")
    train.add_argument("--out", help="folder for run.npz, run.json, checkpoint.npz (default: one in runs/)")
    _add_plot(train)
    _add_setup(train)


def _add_compare(commands) -> None:
    parser = _add(commands, "compare", _compare, "compare methods over seeds; again, and finished runs are kept")
    parser.add_argument("--methods", nargs="+", choices=[*METHODS, "all"], default=["full", "random", "crest"],
                         help="default: full random crest; random is always included", metavar="METHOD")  # fmt: skip
    parser.add_argument("--no-full", dest="full", action="store_false", help="leave full training out")
    parser.add_argument("--seeds", type=int, default=3, help="how many: 0, 1, ... (default: %(default)s)")
    parser.add_argument("--json", metavar="FILE", help="also write everything as JSON to FILE, or - for stdout")
    parser.add_argument("--out", help="folder for the runs, compare.png and compare.json (default: one in runs/)")
    _add_setup(parser)


def _add_plot(parser) -> None:
    parser.add_argument("--plot", metavar="PNG", help="draw the run: its curves and, for CREST, its checks and regions")


def _add_data_dir(parser) -> None:
    parser.add_argument("--data-dir", help="where data sets lie (default: the environment variable MINICREST_DATA)")


def _add_setup(parser) -> None:
    """Options that train and compare share; those not given are the data set's preset, listed under --help."""
    add = parser.add_argument
    add("--data", help=f"a data set's name (see minicrest data) or a path ending in .npz (default: {Setup.data})")
    _add_data_dir(parser)
    add("--validation", type=float, help=f"part of the training examples to hold out (default: {Setup.validation:g})")
    add("--model", choices=MODELS)
    add("--hidden", type=int, nargs="*", help="the mlp's hidden layers; none of them: softmax regression")
    add("--m", type=int, help="batch size")
    add("--epochs", type=int, help="of full training")
    add("--budget", type=float, help=f"the part of full training's that others get (default: {Setup.budget:g})")
    add("--equal", choices=("bill", "steps"),
        help=f"the budget is of the bill, selection included, or of the steps (default: {Setup.equal})")  # fmt: skip
    add("--optimizer", choices=OPTIMIZERS, help=f"default: {Setup.optimizer}")
    add("--lr", type=float, help="learning rate at its highest")
    add("--momentum", type=float, help=f"of sgd (default: {Setup.momentum:g})")
    add("--weight-decay", type=float)
    add("--schedule", choices=SCHEDULES, help=f"default: {Setup.schedule}")
    add("--device", choices=DEVICES, help=f"default: {Setup.device}")
    add("--dtype", choices=("float32", "float64"), help=f"default: {Setup.dtype}")
    add("--evaluations", type=int, help=f"on the test set, about so many (default: {Setup.evaluations})")
    add("--checkpoint-every", type=int, metavar="STEPS", help=f"default: {Setup.checkpoint_every}")
    add("--set", nargs="+", default=[], action="extend", metavar="NAME=VALUE",
        help="the method's hyper-parameters: tau=0.1 h=2, or crest.tau=0.1 for one of several")  # fmt: skip
    parser.epilog = "presets:\n" + "\n".join(f"  {name:14}{_described(name)}" for name in [*PRESETS, "your.npz"])
    parser.epilog += "\n\nmethods and their hyper-parameters:\n" + "\n".join(
        f"  {name:14}{', '.join(f.name for f in fields(method))}" for name, method in METHODS.items()
    )


def _described(name: str) -> str:
    s = Setup.preset({"data": name})
    layers = f" {' '.join(map(str, s.hidden))}" if s.model == "mlp" else ""
    return f"{s.model}{layers}, m {s.m}, {s.epochs} epochs, lr {s.lr:g}, weight decay {s.weight_decay:g}"
