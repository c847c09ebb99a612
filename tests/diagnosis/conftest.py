"""A situation to examine: folders of the test's own, and a plain terminal."""

from collections.abc import Callable
from pathlib import Path

import pytest

from cifar_cli.diagnosis.finding import Situation, TerminalFacts


@pytest.fixture
def make_situation(tmp_path: Path) -> Callable[..., Situation]:
    """Returns a function that makes a situation with the folders `logs` and `data` of the test's own folder."""

    def make(
        *, log_dir: Path = tmp_path / "logs", root: Path = tmp_path / "data", encoding: str = "utf-8"
    ) -> Situation:
        return Situation(log_dir, str(root), 0.1, TerminalFacts(True, 80, "256", encoding))

    return make


@pytest.fixture
def situation(make_situation: Callable[..., Situation]) -> Situation:
    return make_situation()
