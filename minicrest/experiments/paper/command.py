"""What `minicrest paper` does with its options."""

from __future__ import annotations

from pathlib import Path

from minicrest.experiments.paper import EXPERIMENTS
from minicrest.experiments.paper.engine import run, text
from minicrest.experiments.tables import columns


def paper(arguments) -> int:
    """Carry out `minicrest paper` and return its exit code, 0 whatever the verdicts are."""
    chosen = [EXPERIMENTS.called(name) for name in dict.fromkeys(arguments.names or EXPERIMENTS)]
    if arguments.list:
        print(columns([["name", "place", "minutes", "claim"], *map(_listed, chosen)], right=False))
        return 0
    folder = Path(arguments.out)
    for experiment in chosen:
        document = run(experiment, arguments.scale, folder, arguments.jobs, arguments.data_dir, arguments.device,
                       scheduler=arguments.dask)  # fmt: skip
        stem = f"{experiment.name}-{arguments.scale}"
        print(f"{text(document)}\nSaved in {folder}: {stem}.json and {stem}.png.\n", flush=True)
    return 0


def _listed(experiment) -> list[str]:
    return [experiment.name, experiment.place, f"{experiment.minutes:g}", experiment.claim]
