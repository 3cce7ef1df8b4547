"""The command line: train one network, compare methods, show and resume what was trained, list data and methods.

Every subcommand turns its arguments into Setups (experiments/setup.py), carries them out, saves, and prints. What is
wrong with the arguments, the files or the device is one line on stderr and exit code 2.
"""

from __future__ import annotations

import json
import shlex
import sys
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from minicrest.checkpoint import write_atomically
from minicrest.datasets import available
from minicrest.experiments import method_plots, plots, tables
from minicrest.experiments.compare import carry_out, carry_out_all, collected, planned, seed_list, with_validation
from minicrest.experiments.comparison import Comparison
from minicrest.experiments.folders import saved_setup
from minicrest.experiments.options import defaults, hyperparameters
from minicrest.experiments.parser import parser
from minicrest.experiments.parts import Parts, current_folder, is_foreign, made, method_class
from minicrest.experiments.setup import Setup, is_file
from minicrest.experiments.show import comparisons
from minicrest.experiments.terminal import escaped, interruptible, leave_quietly, printable
from minicrest.figures import save_png
from minicrest.selection import METHODS

DIVERGED = 3
STOPPED = 130  # what a shell reports of a program that Ctrl-C ended


def main(argv=None) -> int:
    """Run the command line `argv` (None: the process's own) and return its exit code: 0, 2, 3 or 130, see --help."""
    with printable(), current_folder():
        try:
            return _flushed(argv)
        except BrokenPipeError:  # the reader of a pipe has had enough
            leave_quietly()
            return 0
        except (ValueError, TypeError, OSError, ImportError, MemoryError) as error:
            print(f"minicrest: error: {' '.join(str(error).split()) or type(error).__name__}", file=sys.stderr)
            return 2
        except KeyboardInterrupt:  # outside the steps, where there is nothing to save
            print("minicrest: interrupted; the same command goes on from what was saved", file=sys.stderr)
            return STOPPED


def _flushed(argv) -> int:
    """The exit code of the command; what it printed has reached stdout, or BrokenPipeError is raised here."""
    try:
        arguments = parser().parse_args(argv)
        return _COMMANDS[arguments.command](arguments)
    finally:
        if sys.stdout is not None:
            sys.stdout.flush()


# ---- the subcommands


def _train(arguments) -> int:
    method = arguments.method or Setup.method
    setup = _setup(arguments, method=method)
    setup = replace(setup, hyper=hyperparameters(arguments.set, [method])[method])
    (plan,), notes = with_validation(planned([(setup, Parts())], [setup.seed]))
    folder = Path(arguments.out) if arguments.out else plan.setup.folder(_default_out(setup))
    return _carry_out(plan.setup, folder / "checkpoint.npz", arguments.plot, notes)


def _resume(arguments) -> int:
    path = Path(arguments.path)
    checkpoint = path / "checkpoint.npz" if path.is_dir() else path
    modules = [name.partition(":")[0] for name in (arguments.method, arguments.model) if name]
    setup = saved_setup(checkpoint, modules)
    if arguments.data_dir:
        folder = Path(arguments.data_dir).resolve()
        moved = str(folder / setup.data_name)
        setup = replace(setup, data=moved) if is_file(setup.data) else replace(setup, data_dir=str(folder))
    try:
        return _carry_out(setup, checkpoint, arguments.plot, [])
    except FileNotFoundError as error:
        raise FileNotFoundError(f"{error}; if the data has moved, add: --data-dir DIR") from error


def _carry_out(setup: Setup, checkpoint: Path, plot, notes) -> int:
    with interruptible() as interrupt:
        run = carry_out(setup, checkpoint, interrupt.stop)
    if not run.complete:
        done = f"step {run.steps} of {run.settings['steps']}"
        if run.settings["max_bill"]:
            done = f"step {run.steps}, with {100 * run.ledger.cost / run.settings['max_bill']:.0f}% of the bill used"
        print(f"stopped at {done}; go on with: {_resume_command(setup, checkpoint)}", file=sys.stderr)
        return STOPPED
    lines = [*notes, tables.summary(setup, run), f"saved in {checkpoint.parent}: run.npz, run.json, checkpoint.npz"]
    lines += [f"picture: {path}" for path in _draw_run(setup, run, plot)]
    print("\n".join(lines))
    step = run.diverged
    return _exit_code([] if step is None else [(setup.method, setup.seed, step)])


def _resume_command(setup: Setup, checkpoint: Path) -> str:
    words = ["minicrest", "resume", str(checkpoint.parent if checkpoint.name == "checkpoint.npz" else checkpoint)]
    for option, name in (("--method", setup.method), ("--model", setup.model)):
        words += [option, name] if is_foreign(name) else []
    return shlex.join(words)


def _draw_run(setup: Setup, run, plot) -> list[Path]:
    """Save the picture of the run as `plot` (None: none), and what its method draws beside it, as plot-name.png."""
    if not plot:
        return []
    path, title = Path(plot), escaped(tables.title(setup))
    figures = {path: plots.run_picture(run, title)}
    for name, figure in method_plots.pictures(run, title).items():
        figures[path.with_name(f"{path.stem}-{name}{path.suffix}")] = figure
    for place, figure in figures.items():
        save_png(figure, place)
    return list(figures)


def _exit_code(diverged) -> int:
    """0, or 3 with a line on stderr for each (method, seed, step) that diverged."""
    for method, seed, step in diverged:
        print(f"{method}, seed {seed}, diverged at step {step}: its losses or parameters are no longer finite; "
              "scale the inputs or lower --lr", file=sys.stderr)  # fmt: skip
    return DIVERGED if diverged else 0


def _compare(arguments) -> int:
    methods, notes = _methods(arguments.methods, arguments.full)
    hyper = hyperparameters(arguments.set, methods)
    shared = _setup(arguments, method="random")
    setups = [(replace(shared, method=name, hyper=hyper[name]), Parts()) for name in methods]
    plans, held_out = with_validation(planned(setups, seed_list(arguments.seeds)))
    out = Path(arguments.out or _default_out(shared))
    before = sum((plan.setup.folder(out) / "run.npz").exists() for plan in plans)
    with interruptible() as interrupt:
        runs = carry_out_all(plans, out, arguments.jobs, interrupt.stop, interrupt.begin)
    if not runs[-1].complete:
        print(f"stopped in run {len(runs)} of {len(plans)}; go on with the same command: {out} keeps what is finished, "
              "and the run that was stopped goes on from its checkpoint", file=sys.stderr)  # fmt: skip
        return STOPPED
    if before:
        held_out.append(f"{before} of {len(plans)} runs were in {out} already; delete it to train them again.")
    comparison = collected(plans, runs, notes + held_out)
    _report(comparison, arguments, out)
    return _exit_code(comparison.diverged)


def _report(comparison: Comparison, arguments, out: Path) -> None:
    """Save picture, JSON and CSV, then print the table: to stderr where stdout is for the JSON."""
    text = json.dumps(comparison.document(), indent=1, allow_nan=False) + "\n"
    to_stdout = arguments.json == "-"
    for path in [out / "compare.json", *([Path(arguments.json)] if arguments.json and not to_stdout else [])]:
        write_atomically(path, lambda file: file.write(text.encode()))
    save_png(comparison.figure(), out / "compare.png")
    if arguments.csv:
        comparison.to_csv(arguments.csv)
    saved = f"Saved in {out}: compare.png, compare.json and a folder for each run."
    print(f"{comparison.text()}\n{saved}", file=sys.stderr if to_stdout else sys.stdout)
    if to_stdout:
        sys.stdout.write(text)


def _show(arguments) -> int:
    diverged = []
    modules = [arguments.model.partition(":")[0]] if arguments.model else []
    for k, comparison in enumerate(comparisons(arguments.folders, modules)):
        runs = [run for each in comparison.runs.values() for run in each]
        path = Path(arguments.plot) if arguments.plot else None
        path = path.with_name(f"{path.stem}-{k + 1}{path.suffix}") if path and k else path
        if len(runs) == 1:
            text, pictures = tables.summary(comparison.setup, runs[0]), _draw_run(comparison.setup, runs[0], path)
        else:
            text, pictures = comparison.text(), [path] if path else []
            if path:
                save_png(comparison.figure(), path)
        print(*([""] if k else []), text, *(f"picture: {picture}" for picture in pictures), sep="\n")
        diverged += comparison.diverged
    return _exit_code(diverged)


def _data(arguments) -> int:
    every = available(arguments.data_dir)
    rows = [row for row in every if not row[0].startswith("FILE")]
    there = [[name, "yes", where] for name, present, where, _ in rows if present]
    absent = [[name, "no", ""] for name, present, *_ in rows if not present]
    print(tables.columns([["name", "present", "where"], *there, *absent], right=False))
    for name, present, lacking, how in rows:
        if not present:
            print(f"\nTo get {name}: {how}\n  {lacking}")
    print("\nA file of your own: --data FILE, with --test 0.2 where it has no test part")
    print(*(f"  {name:9} {how}" for name, _, _, how in every if name.startswith("FILE")), sep="\n")
    return 0


def _list_methods(arguments) -> int:
    if arguments.check:
        return _check(arguments.check)
    print(f"Prices are in {tables.RATE}; m examples a batch, n in all, k = fraction n kept.")
    for name, method in METHODS.items():
        takes = ", ".join(f"{field}={value!r}" for field, value in defaults(method).items())
        print(f"\n{name}\n  paper   {method.paper}\n  takes   {takes}\n  costs   {method.price}")
    return 0


def _check(name: str) -> int:
    from minicrest.selection.check import check_method

    method = made(method_class(name), name, {})
    try:
        kept = check_method(method)
    except AssertionError as error:
        print(f"{name} does not keep the contract: {error}")
        return 1
    print(f"{name} keeps the contract:", *kept, sep="\n  ")
    return 0


def _theory(arguments) -> int:
    from minicrest.theory.claims.command import theory

    return theory(arguments)


_COMMANDS = {"train": _train, "compare": _compare, "show": _show, "resume": _resume, "data": _data,
             "methods": _list_methods, "theory": _theory}  # fmt: skip


# ---- from arguments to setups


def _setup(arguments, **fixed) -> Setup:
    asked = {f.name: getattr(arguments, f.name, None) for f in fields(Setup) if f.name not in fixed}
    given: dict[str, Any] = {name: value for name, value in asked.items() if value is not None}
    for name in ("data", "data_dir"):  # `resume` may be run from elsewhere
        if name in given and (name == "data_dir" or is_file(given[name])):
            given[name] = str(Path(given[name]).resolve())
    return Setup.preset(given | fixed)


def _methods(asked, full: bool) -> tuple[list[str], list[str]]:
    """The methods to compare, random first and full second, and a note where random was added."""
    asked = list(METHODS) if "all" in asked else list(dict.fromkeys(asked))
    notes = [] if "random" in asked else ["random was added: every method is shown beside it."]
    rest = [name for name in asked if name not in ("random", "full")]
    return ["random", *(["full"] if full else []), *rest], notes


def _default_out(setup: Setup) -> Path:
    return Path("runs") / f"{Path(setup.data).stem}-{setup.model.replace(':', '.')}"
