"""Run the tutorials from top to bottom and write them back with what they printed and drew: python tutorials/run.py

    python tutorials/run.py                 all of them
    python tutorials/run.py 03 07           these two
    python tutorials/run.py --check         run, but write nothing
    python tutorials/run.py --device cuda   on a GPU: the first cell's `device = "cpu"` is replaced

A cell that raises stops the run with its traceback. Needs the `tutorials` extra.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient

HERE = Path(__file__).resolve().parent


def execute(path: Path, device: str = "cpu", timeout: int = 600):
    """The notebook at `path`, run in a fresh kernel in this folder, without timestamps."""
    notebook = nbformat.read(path, as_version=4)
    chosen = [cell for cell in notebook.cells if cell.cell_type == "code" and 'device = "cpu"' in cell.source]
    if device != "cpu":
        chosen[0].source = chosen[0].source.replace('device = "cpu"', f'device = "{device}"')
    client = NotebookClient(notebook, timeout=timeout, resources={"metadata": {"path": HERE}}, record_timing=False)
    client.execute()
    if device != "cpu":
        chosen[0].source = chosen[0].source.replace(f'device = "{device}"', 'device = "cpu"')
    return notebook


def main(argv=None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("numbers", nargs="*", help="which tutorials, by number; all if none is given")
    parser.add_argument("--check", action="store_true", help="run, but write nothing")
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    arguments = parser.parse_args(argv)
    paths = [
        p for p in sorted(HERE.glob("[0-9][0-9]_*.ipynb")) if not arguments.numbers or p.name[:2] in arguments.numbers
    ]
    if not paths:
        parser.error(f"no tutorial has one of the numbers {arguments.numbers}")
    for path in paths:
        start = time.perf_counter()
        notebook = execute(path, arguments.device)
        if not arguments.check:
            nbformat.write(notebook, path)
        print(f"{path.name}: {time.perf_counter() - start:.0f} s, {path.stat().st_size / 1e6:.2f} MB", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
