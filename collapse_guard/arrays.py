"""Nested frozen dataclasses to named arrays and back: what is stored, and what travels between machines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar, cast, get_type_hints

import numpy as np
import numpy.typing as npt

T = TypeVar("T")


def flatten(record: Any, prefix: str = "") -> dict[str, npt.NDArray[Any]]:  # noqa: ANN401 - any dataclass
    """Return every field of ``record`` as an array named by its path, as in ``moments.mean``."""
    arrays: dict[str, npt.NDArray[Any]] = {}
    for field in fields(record):
        value = getattr(record, field.name)
        name = f"{prefix}{field.name}"
        arrays.update(flatten(value, f"{name}.") if is_dataclass(value) else {name: np.asarray(value)})
    return arrays


def restore(kind: type[T], arrays: Mapping[str, npt.NDArray[Any]], prefix: str = "") -> T:
    """Rebuild a ``kind`` from :func:`flatten`'s arrays."""
    hints = get_type_hints(kind)
    values: dict[str, Any] = {}
    for field in fields(cast("Any", kind)):
        name, hint = f"{prefix}{field.name}", hints[field.name]
        if is_dataclass(hint):
            values[field.name] = restore(cast("type[Any]", hint), arrays, f"{name}.")
        else:
            array = arrays[name]
            values[field.name] = array if array.ndim else array.item()
    return kind(**values)
