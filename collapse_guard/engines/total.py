"""How many rows a source has, where that is cheap to know: a progress bar can then say how long it will take."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.dataset as ds

from collapse_guard.engines.files import rows_in_files


def rows_of(source: Any) -> int | None:  # noqa: ANN401 - any source
    """Return the number of rows of a path or data frame, or None where only reading them would tell.

    Examples
    --------
    >>> rows_of(pd.DataFrame({"text": ["a", "b"]})), rows_of(iter([]))
    (2, None)
    """
    if isinstance(source, str | Path):
        return rows_in_files(source)
    if isinstance(source, pd.DataFrame):
        return len(source)
    if isinstance(source, ds.FileSystemDataset):
        return int(source.count_rows()) if isinstance(source.format, ds.ParquetFileFormat | ds.IpcFileFormat) else None
    known = getattr(source, "num_rows", getattr(source, "height", None))  # Arrow and Hugging Face; polars
    return known if isinstance(known, int) else None
