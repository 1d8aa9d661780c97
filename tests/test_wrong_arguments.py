"""Whatever stands in an argument of a public function or command, what comes out is a result or an error of ours."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from contextlib import chdir, suppress
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import collapse_guard as cg
from collapse_guard.baseline.signature import sign, signer
from collapse_guard.baseline.store import Store
from collapse_guard.cli import main
from collapse_guard.engines.places import DataPath
from collapse_guard.extension import extend
from collapse_guard.mixture import mix
from collapse_guard.repair import repair
from tests.conftest import mixture

AT_LENGTH = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

ODD: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.binary(max_size=8),
    st.sampled_from(
        [
            object(),
            int,
            len,
            Path("nowhere"),
            Decimal("NaN"),
            datetime(2026, 1, 1, tzinfo=UTC),
            np.float32(0.5),
            np.array([]),
            np.eye(3),
            np.array([[1.0, 2.0]] * 50),
            np.array(["a"], dtype=object),
            pd.DataFrame(),
            pd.DataFrame({"vector": []}),
            pd.DataFrame({"vector": [[1.0, 2.0], [1.0]]}),
            pd.DataFrame({"vector": [None] * 600}),
            pd.DataFrame({"vector": ["a"] * 600}),
            pd.DataFrame({5: [1, 2]}),
            pd.Series([1.0, 2.0]),
            pa.table({"vector": pa.array([], pa.list_(pa.float32()))}),
            pa.table({}),
            iter([]),
            (x for x in "ab"),
            range(3),
            1j,
            ...,
        ]
    ),
    st.lists(st.one_of(st.none(), st.integers(), st.text(max_size=4)), max_size=3),
    st.dictionaries(st.text(max_size=4), st.one_of(st.none(), st.floats(), st.text(max_size=4)), max_size=2),
    st.sets(st.integers(), max_size=2),
)
"""Values that people, and their mistakes, hand over."""


class Odd:
    """A store of its own, which wrong calls may write to, and its baseline."""

    def __init__(self, store: Path) -> None:
        self.store = store
        self.baseline = cg.freeze(mixture(2000, 0), "vector", "mixture", store=store)


def usual(store: Path, baseline: cg.Baseline) -> dict[str, tuple[Callable[..., Any], dict[str, Any]]]:
    """Return every public function with arguments that work."""
    gold, batch = mixture(2000, 0), mixture(600, 1)
    reference = f"mixture@{baseline.digest}"
    return {
        "freeze": (cg.freeze, {"gold": gold, "column": "vector", "name": "odd", "store": store / "new"}),
        "check": (cg.check, {"batch": batch, "baseline": baseline}),
        "extend": (extend, {"gold": gold, "parent": "mixture", "store": store}),
        "mix": (mix, {"batch": batch, "gold": gold, "baseline": baseline, "human_share": 0.1}),
        "repair": (repair, {"batch": batch, "baseline": baseline, "output": store / "out.parquet"}),
        "load": (lambda root, reference: Store(root).load(reference), {"root": store, "reference": reference}),
        "verify": (lambda root, reference: Store(root).verify(reference), {"root": store, "reference": reference}),
        "entries": (lambda root: Store(root).entries(), {"root": store}),
        "sign": (lambda name, key: sign(Store(store), name, key), {"name": "mixture", "key": store / "key"}),
        "signer": (
            lambda reference, allowed_signers: signer(Store(store), reference, allowed_signers),
            {"reference": reference, "allowed_signers": store / "allowed"},
        ),
        "path": (DataPath, {"place": "a.csv", "encoding": "utf-8", "delimiter": ","}),
    }


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Odd:
    """Return where wrong calls happen."""
    return Odd(tmp_path_factory.mktemp("odd"))


@pytest.mark.parametrize(
    "name", ["freeze", "check", "extend", "mix", "repair", "load", "verify", "entries", "sign", "signer", "path"]
)
@AT_LENGTH
@given(pick=st.integers(0, 99), value=ODD)
def test_wrong_arguments(odd: Odd, name: str, pick: int, value: Any) -> None:  # noqa: ANN401 - on purpose
    """One argument of a call that works is another thing: the call works all the same, or the error says what was expected."""
    function, arguments = usual(odd.store, odd.baseline)[name]
    names = (
        sorted({*arguments, *inspect.signature(function).parameters} - {"exemplars", "parent"})
        if name != "extend"
        else sorted(arguments)
    )
    with chdir(odd.store), suppress(cg.CollapseGuardError):  # a wrong place is a place, too
        function(**arguments | {names[pick % len(names)]: value})


COMMANDS = "freeze check mix repair emit baselines gx --baseline --column --store --alpha -o --format --floor --seed --name x"
WORDS = st.one_of(
    st.text(max_size=6),
    st.sampled_from(COMMANDS.split()),
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(words=st.lists(WORDS, max_size=6))
def test_wrong_commands(tmp_path: Path, words: list[str]) -> None:
    """Whatever is typed ends with a status that is documented, and no traceback."""
    with chdir(tmp_path):
        result = CliRunner().invoke(main, words)
    assert result.exit_code in (0, 2)
    assert "Traceback" not in result.output
    assert "unexpected error" not in result.output
