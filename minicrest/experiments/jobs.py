"""Runs in other processes: of this machine, or of a Dask cluster. A run whose process dies is started again.

Neither the process nor the machine decides a bit of the result. A run that goes on in a folder with a checkpoint loses
only the steps since then; on a cluster, which needs no folder in common with this machine, all that it did there.
"""

from __future__ import annotations

import os
import sys
import tempfile
import threading
import time
import uuid
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from minicrest import __version__
from minicrest.arguments import shown
from minicrest.checkpoint import write_atomically
from minicrest.datasets import load
from minicrest.datasets.load import BUILT_IN
from minicrest.experiments.files import claimed
from minicrest.experiments.folders import claim
from minicrest.experiments.orphans import end_with_parent
from minicrest.experiments.parts import imported, is_foreign
from minicrest.run import Run

if TYPE_CHECKING:
    from minicrest.experiments.compare import Plan

DEATHS = 3  # so many processes may die with a run; then it is given up
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS", "NUMBA_NUM_THREADS",
           "VECLIB_MAXIMUM_THREADS", "NUMEXPR_NUM_THREADS")  # fmt: skip
KEPT = ("checkpoint.npz", "run.npz", "run.json")  # the files of a run that a worker of a cluster sends
Work = Callable[[Any, "str | None"], Any]  # carries out one plan in its folder: a Plan, to a Run, or what else it takes


def distribute(pool: Processes | Cluster, plans: Sequence, names: Sequence[str], out: str | None, silent: bool | None,
               title: str | None = None) -> list:  # fmt: skip
    """What the work of `pool` makes of all plans, Runs for instance, in its processes; then the pool is closed.

    names: what messages call each plan.  Raises what a run raises, which stops the others; ChildProcessError, once all
    others are done, for those given up.
    """
    runs: dict[int, Any] = {}
    lost: list[str] = []
    try:
        waiting = {pool.submit(k, name, plan, out): k for k, (name, plan) in enumerate(zip(names, plans))}
        with tqdm(None, title, len(plans), disable=silent, delay=2, unit="run", leave=False) as bar:
            while waiting:
                for future in wait(waiting, return_when=FIRST_COMPLETED).done:
                    k = waiting.pop(future)
                    try:
                        runs[k] = pool.received(plans[k], out, future.result())
                    except pool.deaths:
                        if pool.innocent(k):
                            waiting[pool.submit(k, names[k], plans[k], out)] = k
                            continue
                        lost.append(names[k])
                    bar.update()
    finally:
        pool.close(done=len(runs) + len(lost) == len(plans))
    if lost:
        kept = "no run was kept" if out is None else f"{out} keeps the others"
        raise ChildProcessError(f"{'; '.join(lost)}: given up after {DEATHS} processes died with it, perhaps for lack "
                                f"of memory; {kept}, and the same command tries again")  # fmt: skip
    return [runs[k] for k in range(len(plans))]


class Processes:
    """`jobs` processes of this machine. Each does one run at a time and is nobody else's, so its death costs one run.

    They are fresh: what they import, and from where, is what this process would import now.
    """

    def __init__(self, work: Work, jobs: int):
        from joblib import cpu_count
        from joblib.externals.loky.process_executor import TerminatedWorkerError

        self.deaths = (TerminatedWorkerError,)
        self._work = work
        self._threads = ThreadPoolExecutor(jobs, "minicrest jobs")  # each thread looks after a process
        self._mine = threading.local()
        self._futures: dict[Any, Future] = {}  # of each executor of one process, what it does now
        self._closed, self._lock = False, threading.Lock()
        few = str(max(1, cpu_count() // jobs))
        self._environment = {name: os.environ.get(name, few) for name in THREADS}

    def submit(self, k: int, name: str, plan, out: str | None) -> Future:
        """What is to come of plan k; `name` is what messages call it."""
        return self._threads.submit(self._attempts, name, plan, out)

    def received(self, plan, out: str | None, run):
        """What came back, which has been saved already."""
        return run

    def close(self, done: bool) -> None:
        """Let the processes end; those that still train (not `done`) at once."""
        with self._lock:
            self._closed = True
        self._threads.shutdown(wait=False, cancel_futures=True)
        for executor, future in list(self._futures.items()):
            while not (future.running() or future.done()):  # a kill between the two upsets loky
                time.sleep(0.001)
            executor.shutdown(wait=done, kill_workers=not done)
        self._threads.shutdown(wait=True)

    def innocent(self, k: int) -> bool:
        """Whether the run of plan k, which died, deserves another try; here, it had all of them."""
        return False

    def _attempts(self, name, plan, out):
        death = 0
        while True:
            try:
                return self._begin(plan, out).result()
            except self.deaths:
                del self._mine.executor
                death += 1
                if self._closed or death == DEATHS:
                    raise
            _say_again(name, death + 1)

    def _begin(self, plan, out) -> Future:
        """The run to come, in this thread's process: a new one at first, and after a death."""
        from joblib.externals.loky import ProcessPoolExecutor

        with self._lock:
            if self._closed:
                raise RuntimeError("no run begins any more")
            if not hasattr(self._mine, "executor"):
                self._mine.executor = ProcessPoolExecutor(1, initializer=end_with_parent, env=self._environment)
            future = self._mine.executor.submit(self._work, plan, out)
            self._futures[self._mine.executor] = future
            return future


class Cluster:
    """The workers of a Dask scheduler: its address, or a Client. How often it tries again is the cluster's setting.

    Data from files, the modules of the current folder and checkpoints are sent there, and the files of a run back.
    Raises ValueError without Dask and where no scheduler answers, TypeError for what is neither.
    """

    def __init__(self, work: Work, scheduler):
        self._client, self._theirs = client_of(scheduler)
        import distributed

        self.deaths = (distributed.KilledWorker,)
        self._work = work
        self._data: dict[Any, Any] = {}  # what was scattered
        self._names: dict[int, str] = {}
        self._starts: Counter[int] = Counter()  # how often the run of each plan began on a worker
        self._killed: Counter[int] = Counter()  # and how often the cluster gave it up
        self._executor = self._client.get_executor(pure=False)
        self._topic = f"minicrest-{uuid.uuid4()}"
        self._client.subscribe_topic(self._topic, self._begun)
        self._sent = False

    def submit(self, k: int, name: str, plan: Plan, out: str | None) -> Future:
        """The files and the Run to come of plan k; what is finished is read here."""
        self._names[k], files = name, {}
        if out is not None:
            folder = plan.setup.folder(out)
            if (folder / "run.npz").exists():
                done: Future = Future()
                done.set_result(({}, self._work(plan, out)))
                return done
            claim(plan.setup, folder)
            files = {path.name: path.read_bytes() for path in [folder / KEPT[0]] if path.exists()}
        self._send_modules(plan)
        bare = replace(plan, parts=replace(plan.parts, data=None))
        return self._executor.submit(_there, self._work, bare, self._scattered(plan), files, out is not None,
                                     (self._topic, k, __version__))  # fmt: skip

    def received(self, plan: Plan, out: str | None, answer: tuple[dict[str, bytes], Run]) -> Run:
        """The Run, once its files lie in its folder."""
        files, run = answer
        if out is not None and files:
            folder = plan.setup.folder(out)
            with claimed(folder / KEPT[0]):
                for name in KEPT:
                    write_atomically(folder / name, partial(_put, files[name]))
        return run

    def close(self, done: bool) -> None:
        """Cancel what is not `done`, and part from the cluster, unless the Client was given."""
        if not done:
            self._executor.shutdown(wait=False)
        self._client.unsubscribe_topic(self._topic)
        self._data.clear()
        if not self._theirs:
            self._client.close()

    def innocent(self, k: int) -> bool:
        """Whether the run of plan k died of another one: Dask counts a death against all that waited for the worker."""
        self._killed[k] += 1
        return self._starts[k] < DEATHS and self._killed[k] < DEATHS

    def _begun(self, event) -> None:
        k = event[1]["begun"]
        self._starts[k] += 1
        if self._starts[k] > 1:
            _say_again(self._names[k], self._starts[k])

    def _send_modules(self, plan) -> None:
        """Once: the modules of the current folder that this process has imported, those that plans name included."""
        for what in ("method", "model"):
            name = getattr(plan.setup, what)
            if is_foreign(name) and name.partition(":")[0] not in sys.modules and plan.parts.method is None:
                imported(name, what)
        if not self._sent:
            self._sent = True
            with tempfile.TemporaryDirectory() as folder:
                for path in own_modules(Path.cwd()):
                    self._client.upload_file(str(path if path.is_file() else _zipped(path, folder)))

    def _scattered(self, plan):
        """Where the cluster keeps the plan's data, if it comes from files or from Python; None: it has a name there."""
        setup, data = plan.setup, plan.parts.data
        if data is None and setup.data in BUILT_IN:
            return None
        key = (setup.data, setup.data_dir) if data is None else id(data)
        if key not in self._data:
            data = load(setup.data, setup.data_dir) if data is None else data
            self._data[key] = self._client.scatter(data, hash=False)
        return self._data[key]


def _there(work: Work, plan: Plan, data, files: dict[str, bytes], kept: bool, said) -> tuple[dict[str, bytes], Run]:
    """On a worker: the files of the run, which goes on from those given, and the Run."""
    import distributed

    topic, k, version = said
    if version != __version__:
        raise ValueError(f"a worker of the cluster has minicrest {__version__}, here is {version}; install the same")
    distributed.get_worker().log_event(topic, {"begun": k})
    plan = plan if data is None else replace(plan, parts=replace(plan.parts, data=data))
    if not kept:
        return {}, work(plan, None)
    with tempfile.TemporaryDirectory() as out:
        folder = plan.setup.folder(out)
        folder.mkdir()
        for file, content in files.items():
            (folder / file).write_bytes(content)
        run = work(plan, out)
        return {file: (folder / file).read_bytes() for file in KEPT}, run


def _put(content: bytes, file) -> None:
    file.write(content)


def own_modules(folder: Path) -> list[Path]:
    """The files and folders in `folder` that hold modules which this process has imported; without minicrest."""
    places = [Path(file) for module in list(sys.modules.values()) if (file := getattr(module, "__file__", None))]
    tops = {folder / place.relative_to(folder).parts[0] for place in places if place.is_relative_to(folder)}
    return sorted(path for path in tops if path.name != "minicrest"
                  and (path.suffix == ".py" or (path / "__init__.py").exists()))  # fmt: skip


def _zipped(package: Path, folder: str) -> Path:
    """An archive, in `folder`, of the Python files of a package."""
    archive = Path(folder) / f"{package.name}.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for path in sorted(package.rglob("*.py")):
            file.write(path, path.relative_to(package.parent))
    return archive


def answers(scheduler, work: Callable, tasks: Sequence[tuple]) -> Iterator[tuple[int, Any]]:
    """(k, work(*tasks[k])) as the workers of a Dask cluster get done; Dask gives what a dead one did to another."""
    client, theirs = client_of(scheduler)
    import distributed

    futures = {client.submit(work, *task, pure=False): k for k, task in enumerate(tasks)}
    try:
        for future in distributed.as_completed(list(futures), loop=client.loop):
            yield futures[future], future.result()
    finally:
        client.cancel(list(futures))
        if not theirs:
            client.close()


def client_of(scheduler) -> tuple[Any, bool]:
    """(a distributed.Client, whether it was given) of the address of a Dask scheduler, or of a Client.

    Raises ValueError without Dask and where no scheduler answers, TypeError for what is neither.
    """
    if not (isinstance(scheduler, str) or hasattr(scheduler, "get_executor")):
        wanted = "the address of a Dask scheduler or a distributed.Client"
        raise TypeError(f"scheduler must be {wanted}, got {shown(scheduler)}")
    try:
        import distributed
    except ImportError as error:
        raise ValueError(f'scheduler {shown(scheduler)} needs Dask: pip install "dask[distributed]"') from error
    if isinstance(scheduler, distributed.Client):
        return scheduler, True
    try:
        return distributed.Client(scheduler, timeout=10, set_as_default=False), False
    except (OSError, ValueError) as error:
        raise ValueError(f"no Dask scheduler answers at {scheduler!r}; start one with: dask scheduler") from error


def _say_again(name: str, start: int) -> None:
    count = f" ({start} of {DEATHS})" if start <= DEATHS else ""
    tqdm.write(f"minicrest: the process of {name} died; it is started again{count}", file=sys.stderr)
