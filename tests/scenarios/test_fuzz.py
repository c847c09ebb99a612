"""A few hundred of the cases that `python tests/scenarios/stress/fuzz.py` tries by the thousand."""

import sys
from importlib import import_module
from pathlib import Path

import pytest

STRESS = Path(__file__).parent / "stress"


def test_damaged_input_is_refused_in_words_or_was_of_no_consequence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(STRESS)
    for name in (
        "fuzz",
        "fuzz_configs",
        "fuzz_data",
        "fuzz_files",
    ):  # imported here only: nobody else finds them afterwards
        monkeypatch.delitem(sys.modules, name, raising=False)
    rows = import_module("fuzz").fuzz(tmp_path, configs=300, files=400, seed=1)
    assert {row.kind: row.violations for row in rows if row.violations} == {}
    assert sum(row.tried for row in rows) == 700
    # Guards the lines above: damage is mostly noticed, and what is sound is not refused.
    assert all(row.refused > row.tried // 4 for row in rows)
    assert any(row.accepted for row in rows)
