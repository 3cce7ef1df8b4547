"""What each subcommand does: train one network, tune and compare methods, show and resume what was trained, and so on.

Every subcommand turns its arguments into Setups (experiments/setup.py), carries them out, saves, and prints.
"""

from __future__ import annotations

import shlex
import sys
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from minicrest.cli.parser import DIVERGED, STOPPED
from minicrest.experiments import listing, method_plots, outputs, plots, tables
from minicrest.experiments.compare import (
    Program,
    carry_out,
    carry_out_all,
    seed_list,
    ways_of,
)
from minicrest.experiments.figures import save_png
from minicrest.experiments.folders import saved_setup
from minicrest.experiments.options import grid_of, hyperparameters
from minicrest.experiments.parts import NAMED, Parts, current_folder, is_foreign
from minicrest.experiments.prepared import Preparations
from minicrest.experiments.presets import paper_fields, with_papers
from minicrest.experiments.repeat import beside_random
from minicrest.experiments.setup import Setup, is_file
from minicrest.experiments.show import comparisons, figure_of
from minicrest.experiments.statistics import BASELINES
from minicrest.experiments.terminal import escaped, interruptible, printable
from minicrest.experiments.transforms import from_text
from minicrest.experiments.tune import FIRST_SEED, Trials
from minicrest.experiments.tuning import Tuning


def execute(arguments) -> int:
    """Carry out the subcommand that `arguments.command` names, and return the exit code."""
    with printable(), current_folder():
        return _COMMANDS[arguments.command](arguments)


# ---- the subcommands


def _train(arguments) -> int:
    method = arguments.method or Setup.method
    setup = _setup(arguments, method=method)
    setup = replace(setup, hyper=_hyper(arguments, [method])[method])
    program = Program.of([(setup, Parts())], [setup.seed], [setup.equal], (), Preparations.given(arguments.prepared))
    (plan,) = program.plans
    folder = Path(arguments.out) if arguments.out else plan.setup.folder(_default_out(setup))
    return _carry_out(plan.setup, folder / "checkpoint.npz", arguments.plot, program.notes, plan.parts)


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


def _carry_out(setup: Setup, checkpoint: Path, plot, notes, parts: Parts = Parts()) -> int:
    with interruptible() as interrupt:
        run = carry_out(setup, checkpoint, interrupt.stop, parts=parts)
    if not run.complete:
        done = f"step {run.steps} of {run.settings['steps']}"
        if run.settings["max_bill"]:
            done = f"step {run.steps}, with {100 * run.ledger.cost / run.settings['max_bill']:.0f}% of the bill used"
        print(f"stopped at {done}; go on with: {_resume_command(setup, checkpoint)}", file=sys.stderr)
        return STOPPED
    lines = [*notes, tables.summary(setup, run), f"saved in {checkpoint.parent}: run.npz, run.json, checkpoint.npz"]
    plot = {None: checkpoint.parent / "run.png", "none": None}.get(plot, plot)
    lines += [f"picture: {path}" for path in _draw_run(setup, run, plot)]
    again = shlex.join(["minicrest", "show", str(checkpoint.parent)])
    lines += ["next, to print this again, and to compare it with random selection:", f"  {again}"]
    lines += [f"  {beside_random(setup)}"]
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
    if arguments.grid and arguments.choices:
        raise ValueError("--grid tunes anew and --tuned takes what was chosen before; give one of them")
    setups, notes = _setups(arguments)
    out, ways = Path(arguments.out or _default_out(setups[0][0])), ways_of(arguments.equal or Setup.equal)
    tunings = [Tuning.load(path) for path in arguments.choices or []]
    if arguments.grid:
        tunings = _tuned(setups, ways, arguments, out)
        if not tunings:
            return STOPPED
    program = Program.of(setups, seed_list(arguments.seeds), ways, tunings, Preparations.given(arguments.prepared))
    runs, before = _carried_out(program.plans, arguments, out)
    if runs is None:
        return STOPPED
    if before:
        notes.append(f"{before} of {len(runs)} runs were in {out} already; delete it to train them again.")
    comparison = replace(program, notes=[*notes, *program.notes]).collected(runs)
    outputs.save_comparison(comparison, arguments, out)
    return _exit_code(comparison.diverged)


def _carried_out(plans, arguments, out: Path, more: bool = False):
    """(runs, how many were there before); (None, 0) and a line on stderr where Ctrl-C stopped them.

    more: whether something else is to be trained after them; then Ctrl-C in the last step of all stops as well.
    """
    before = sum((plan.setup.folder(out) / "run.npz").exists() for plan in plans)
    with interruptible() as interrupt:
        runs = carry_out_all(plans, out, arguments.jobs, interrupt.stop, interrupt.begin, scheduler=arguments.dask)
    complete = runs[-1].complete
    if complete and not (more and interrupt.pressed):
        return runs, before
    rest = "" if complete else ", and the run that was stopped goes on from its checkpoint"
    print(f"stopped {'after' if complete else 'in'} run {len(runs)} of {len(plans)}; go on with the same command: "
          f"{out} keeps what is finished{rest}", file=sys.stderr)  # fmt: skip
    return None, 0


def _tune(arguments) -> int:
    setups, _ = _setups(arguments)
    out = Path(arguments.out or _default_out(setups[0][0]))
    tunings = _tuned(setups, ways_of(arguments.equal or Setup.equal), arguments, out)
    if not tunings:
        return STOPPED
    files = " ".join(str(out / f"tuned-{tuning.setup.equal}.json") for tuning in tunings)
    print(*(f"{tuning.text()}\n" for tuning in tunings), sep="\n")
    print(f"use what was chosen: minicrest compare ... --tuned {files}")
    return 0


def _tuned(setups, ways, arguments, out: Path) -> list[Tuning]:
    """Tune each way, and save what was chosen in `out`; none where Ctrl-C stopped it."""
    seeds, tunings = [FIRST_SEED + seed for seed in seed_list(arguments.tune_seeds)], []
    for way in ways:
        equal = [(replace(setup, equal=way), own) for setup, own in setups]
        prepared = Preparations.given(arguments.prepared)
        trials = Trials.of(equal, seeds, grid_of(arguments.grid), prepared=prepared)
        runs, _ = _carried_out(trials.plans, arguments, out / "tuning",
                               more=arguments.command == "compare" or way != ways[-1])  # fmt: skip
        if runs is None:
            return []
        if prepared:
            print(prepared.note(trials.plans), file=sys.stderr)
        tunings.append(trials.tuning(runs))
        tunings[-1].save(out / f"tuned-{way}.json")
    return tunings


def _prepare(arguments) -> int:
    return outputs.prepare(_setup(arguments, method="milo"), arguments)


def _show(arguments) -> int:
    modules = [arguments.model.partition(":")[0]] if arguments.model else []
    shown = comparisons(arguments.folders, modules)
    runs = [run for each in shown for group in each.runs.values() for run in group]
    texts = [tables.summary(each.setup, runs[0]) if len(runs) == 1 else each.text() for each in shown]
    pictures = []
    if arguments.plot and len(runs) == 1:
        pictures = _draw_run(shown[0].setup, runs[0], arguments.plot)
    elif arguments.plot:
        save_png(figure_of(shown), arguments.plot)
        pictures = [Path(arguments.plot)]
    print("\n\n".join(texts), *(f"picture: {picture}" for picture in pictures), sep="\n")
    return _exit_code([each for comparison in shown for each in comparison.diverged])


def _tutorials(arguments) -> int:
    from minicrest.teaching.command import carry_out as carry_out_words

    print(carry_out_words(arguments.words, arguments.force))
    return 0


def _theory(arguments) -> int:
    from minicrest.theory.claims.command import theory

    return theory(arguments)


def _paper(arguments) -> int:
    from minicrest.experiments.paper.command import paper

    return paper(arguments)


_COMMANDS = {"train": _train, "compare": _compare, "tune": _tune, "prepare": _prepare, "report": outputs.report,
             "show": _show, "resume": _resume, "data": listing.data, "methods": listing.methods, "theory": _theory,
             "paper": _paper, "tutorials": _tutorials}  # fmt: skip


# ---- from arguments to setups


def _setup(arguments, **fixed) -> Setup:
    asked = {f.name: getattr(arguments, f.name, None) for f in fields(Setup) if f.name not in fixed}
    given: dict[str, Any] = {name: value for name, value in asked.items() if value is not None}
    if arguments.transform:
        given["transform"] = from_text(arguments.transform)
    for name in ("data", "data_dir"):  # `resume` may be run from elsewhere
        if name in given and (name == "data_dir" or is_file(given[name])):
            given[name] = str(Path(given[name]).resolve())
    paper = paper_fields(given.get("data", Setup.data)) if arguments.preset == "paper" else {}
    return Setup.preset(paper | given | fixed)


def _hyper(arguments, methods) -> dict[str, tuple]:
    """The hyper-parameters of each method: the preset's, then those that --set gives."""
    given = hyperparameters(arguments.set, methods)
    return with_papers(given, arguments.data or Setup.data) if arguments.preset == "paper" else given


def _setups(arguments) -> tuple[list[tuple[Setup, Parts]], list[str]]:
    """The Setup of each method to compare, and notes."""
    methods, notes = _methods(arguments.methods, arguments.full)
    hyper = _hyper(arguments, methods)
    shared = _setup(arguments, method="random", equal=ways_of(arguments.equal or Setup.equal)[0])
    return [(replace(shared, method=name, hyper=hyper[name]), Parts()) for name in methods], notes


def _methods(asked, full: bool) -> tuple[list[str], list[str]]:
    """The methods to compare, the baselines first, then full, and a note where a baseline was added."""
    asked = list(NAMED) if "all" in asked else list(dict.fromkeys(asked))
    added = [name for name in BASELINES if name not in asked]
    notes = [f"{' and '.join(added)} {'was' if len(added) == 1 else 'were'} added: every method is shown beside "
             f"{'it' if len(added) == 1 else 'them'}."] if added else []  # fmt: skip
    rest = [name for name in asked if name not in (*BASELINES, "full")]
    return [*BASELINES, *(["full"] if full else []), *rest], notes


def _default_out(setup: Setup) -> Path:
    made = "".join(f"-{name}-{value:g}" for name, value in setup.transform)
    return Path("runs") / f"{Path(setup.data).stem}{made}-{setup.model.replace(':', '.')}"
