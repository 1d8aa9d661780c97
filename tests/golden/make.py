"""Freeze the golden baseline of this format version: ``python -m tests.golden.make``.

Run it once a format version, when the format is final; later versions of collapse-guard must read what it made, as it is.
"""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

import numpy as np
import pandas as pd

import collapse_guard as cg

GOLDEN = Path(__file__).parent / "baseline-1.zip"
NAME = "golden"


def vectors(rows: int, seed: int, spread: float = 1.0) -> pd.DataFrame:
    """Return vectors of four dimensions about four centres, ``spread`` times as wide as gold's."""
    rng = np.random.default_rng(seed)
    drawn = 3 * np.eye(4)[rng.integers(4, size=rows)] + spread * rng.standard_normal((rows, 4))
    return pd.DataFrame({"vector": list(drawn.astype(np.float32))})


def main() -> None:
    """Write the store, with its one baseline, as a zip file."""
    with tempfile.TemporaryDirectory() as home, ZipFile(GOLDEN, "w", ZIP_DEFLATED) as archive:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # few rows are meant
            cg.freeze(vectors(1000, 0), "vector", NAME, store=home)
        for path in sorted(Path(home).rglob("*")):
            if path.is_file():
                archive.write(path, path.relative_to(home))


if __name__ == "__main__":
    main()
