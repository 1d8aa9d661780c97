"""The manifest of a baseline: what it is, and the digest of every file of it.

``content`` decides every verdict, and its digest is the baseline's. ``record`` says when and with what it was frozen; it stands outside
that digest, so that the same rows are the same baseline, and a digest of its own shows that it was damaged. Who can write to the store can
write a record that fits; a record proves nothing.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from collapse_guard.versions import library_versions

SCHEMA = "collapse-guard/baseline@1"
_FILE = re.compile(r"[A-Za-z0-9_.]+\.npy")


@dataclass(frozen=True)
class Manifest:
    """What ``manifest.json`` says.

    Attributes
    ----------
    content : ``schema``, ``facts``, and ``files``: the SHA-256 of each
    record : ``created_at`` and ``versions``
    """

    content: Mapping[str, Any]
    record: Mapping[str, Any]

    @property
    def digest(self) -> str:
        """The SHA-256 of the content's canonical bytes: the baseline's digest."""
        return _digest(self.content)

    def to_bytes(self) -> bytes:
        """Return the file."""
        stated = {"content": self.content, "record": self.record, "record_sha256": _digest(self.record)}
        return json.dumps(stated, indent=1, ensure_ascii=False).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Manifest | None:
        """Read a file that :meth:`to_bytes` wrote; None if any byte of it is another."""
        try:
            stated = json.loads(data)
            manifest = cls(stated["content"], stated["record"])
            return manifest if manifest.to_bytes() == data and manifest._is_sound() else None
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return None

    def _is_sound(self) -> bool:
        """Return whether it says what a listing shows, in the types of today's format, and nothing beside."""
        if self.content["schema"] != SCHEMA:
            return True  # of another format, which is said
        facts = self.content["facts"]
        return (
            self.content.keys() == {"schema", "facts", "files"}
            and self.record.keys() == {"created_at", "versions"}
            and isinstance(self.record["created_at"], str)
            and all(isinstance(facts[name], int) for name in ("rows", "nulls", "seed"))
            and all(isinstance(column, str) for column in facts["columns"])
            and all(_FILE.fullmatch(name) and isinstance(digest, str) for name, digest in self.content["files"].items())
        )


def pack(facts: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]) -> tuple[Manifest, dict[str, bytes]]:
    """Return the manifest of a baseline, recorded now, and its ``.npy`` files."""
    files = {f"{name}.npy": _as_npy(array) for name, array in arrays.items()}
    digests = {name: hashlib.sha256(data).hexdigest() for name, data in sorted(files.items())}
    record = {"created_at": datetime.now(UTC).isoformat(timespec="seconds"), "versions": library_versions()}
    return Manifest({"schema": SCHEMA, "facts": facts, "files": digests}, record), files


def _as_npy(array: npt.NDArray[Any]) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.ascontiguousarray(array) if array.ndim else array, allow_pickle=False)
    return buffer.getvalue()


def _digest(facts: Mapping[str, Any]) -> str:
    canonical = json.dumps(facts, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()
