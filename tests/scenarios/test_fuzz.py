"""A few hundred of the cases that `python tests/scenarios/stress/fuzz.py` tries by the thousand."""

import sys
from importlib import import_module
from pathlib import Path

import pytest

STRESS = Path(__file__).parent / "stress"


def test_damaged_input_is_refused_with_a_message_or_means_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(STRESS)
    for name in ("fuzz", "fuzz_configs", "fuzz_data", "fuzz_files"):  # no other test finds these modules
        monkeypatch.delitem(sys.modules, name, raising=False)
    rows = import_module("fuzz").fuzz(tmp_path, configs=300, files=400, seed=1)
    assert {row.name: row.violations for row in rows if row.violations} == {}
    assert sum(row.tried for row in rows) == 700
    # Guards the lines above: most damage is refused, and sound input is accepted.
    assert all(row.refused > row.tried // 4 for row in rows)
    assert any(row.accepted for row in rows)
