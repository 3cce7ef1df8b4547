"""Images as matrices with long rows, for operations that treat every channel alike: along those NumPy is fast.

Channels come last in memory, but are few: so a row here is one of the image, w c numbers, and a vector with one entry a
channel is repeated w times along it.
"""

from minicrest.backend import array_module, matmul
from minicrest.threads import pieces, share


def as_rows(x):
    """(n, c) as it is, (n, c, h, w) as (n h, w c): a view where channels are last in memory."""
    return x if x.ndim == 2 else x.transpose(0, 2, 3, 1).reshape(-1, x.shape[3] * x.shape[1])


def from_rows(rows, shape):
    """The inverse of `as_rows`: rows (n h w, c) as a view of shape `shape`, (n, c, h, w)."""
    return rows if len(shape) == 2 else rows.reshape(shape[0], *shape[2:], shape[1]).transpose(0, 3, 1, 2)


def blank(like, shape):
    """Zeros of `shape` (n, c, h, w) and the type of `like`, channels last in memory."""
    return array_module(like).zeros((shape[0], *shape[2:], shape[1]), dtype=like.dtype).transpose(0, 3, 1, 2)


def take(x, rows):
    """x[rows] for indices rows (r,), int64, on the host or x's device; images get their channels last in memory."""
    rows = rows if isinstance(rows, slice) else array_module(x).asarray(rows)
    return x.transpose(0, 2, 3, 1)[rows].transpose(0, 3, 1, 2) if x.ndim == 4 else x[rows]


def wide(v, rows):
    """v (c,) repeated to the length of a row."""
    return array_module(v).tile(v, rows.shape[1] // len(v))


def places(side: int, k: int, stride: int) -> int:
    """How many windows of k pixels, `stride` apart, fit along a side."""
    return (side - k) // stride + 1


def channel_sums(rows, channels: int, factor=None):
    """(c,) sums over rows and places of `rows`, or of rows * factor: as products with ones, which BLAS does quickly."""
    xp, parts = array_module(rows), pieces(rows)
    sums = xp.empty((len(parts), rows.shape[1]), dtype=rows.dtype)
    ones = xp.ones(parts[0].stop, dtype=rows.dtype)

    def add(todo):
        for number, piece in todo:
            part = rows[piece] if factor is None else rows[piece] * factor[piece]
            sums[number] = matmul(ones[: len(part)], part)

    share(add, list(enumerate(parts)), rows)
    return sums.reshape(-1, channels).sum(0)
