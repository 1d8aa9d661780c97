"""Our check of vectors, served as the peers are: ``python -m tests.benchmarks.speed.ours STORE NAME BATCH``."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial

import numpy as np

import collapse_guard as cg
from tests.benchmarks.speed.materials import arrow
from tests.benchmarks.speed.worker import Work, serve


def main(store: str, name: str, batch: str) -> None:
    """Serve a check of an Arrow table against a baseline that is loaded once."""
    rows = arrow(np.load(batch))

    def fit() -> Callable[[], Work]:
        return partial(partial, cg.check, rows, cg.Store(store).load(name))

    serve(fit)


if __name__ == "__main__":
    main(*sys.argv[1:])
