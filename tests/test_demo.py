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
    rows = {line.split()[0]: line.split()[1:] for line in result.stdout.splitlines() if re.match(r"(heldback|generation-\d) +(open|closed)", line)}
    assert list(rows) == ["heldback", *(f"generation-{number}" for number in (1, 2, 3, 5, 8))]
    assert rows["heldback"][:2] == ["open", "healthy"] or rows["heldback"][:2] == ["open", "shifted"]
    assert rows["generation-8"][0] == "closed"
    effective, generations = ([float(row[place]) for row in rows.values()] for place in (2, 3))
    assert effective == sorted(effective, reverse=True)
    assert generations == sorted(generations)
    assert generations[-1] == pytest.approx(8, rel=0.4)
    assert "What vanished:" in result.stdout
    assert re.search(r"heldback +checkpoint passed", result.stdout)
    assert re.search(r"generation-8 +checkpoint failed", result.stdout)
