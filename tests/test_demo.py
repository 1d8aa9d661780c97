"""The demo, on this machine's own docstrings."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from collapse_guard.cli import main


@pytest.mark.gx
def test_demo(tmp_path: Path) -> None:
    """Held-back people's text opens the gate, the last generation closes it, and the checkpoint says the same."""
    result = CliRunner().invoke(main, ["demo", "--folder", str(tmp_path / "demo")])
    assert result.exit_code == 0, result.output
    rows = {
        line.split()[0]: line.split()[1:]
        for line in result.stdout.splitlines()
        if re.match(r"(heldback|generation-\d) +(open|closed)", line)
    }
    assert list(rows) == ["heldback", *(f"generation-{number}" for number in (1, 2, 3, 5, 8))]
    assert rows["heldback"][0] == "open"
    assert rows["generation-8"][0] == "closed"
    effective, generations = ({name: float(row[place]) for name, row in rows.items()} for place in (2, 3))
    # Neighbouring generations differ by less than their intervals, so others are compared.
    assert effective["heldback"] > effective["generation-3"] > effective["generation-8"]
    assert generations["generation-1"] < generations["generation-5"]
    assert generations["generation-8"] == pytest.approx(8, rel=0.4)
    assert "What vanished:" in result.stdout
    assert re.search(r"heldback +checkpoint open", result.stdout)
    assert re.search(r"generation-8 +checkpoint closed", result.stdout)
