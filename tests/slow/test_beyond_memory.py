"""Facility location where n x n distances would not fit (40 GB in float32): pytest -m slow, 4 minutes of one core."""

import subprocess
import sys

import pytest

SCRIPT = """
import resource, sys, time
import numpy as np
from minicrest.random import stream
from minicrest.submodular import facility_location

x = stream(0, "beyond memory").standard_normal((100_000, 64)).astype(np.float32)
start = time.perf_counter()
found = facility_location(x, int(sys.argv[1]))
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
assert (np.diff(found.gains) <= 0).all() and found.weights.sum() == len(x)
print(len(set(found.indices.tolist())), peak, time.perf_counter() - start)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss is in KiB on Linux only")
def test_a_hundred_thousand_points_within_2_gib(k=1000):
    done = subprocess.run([sys.executable, "-c", SCRIPT, str(k)], capture_output=True, text=True, check=True)
    chosen, gib, seconds = map(float, done.stdout.split())
    print(f"{k} of 100,000 x 64: {seconds:.0f} s, {gib:.2f} GiB with Python and NumPy")
    assert chosen == k and gib < 2
