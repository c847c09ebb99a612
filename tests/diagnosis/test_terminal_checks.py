"""Terminals and encodings other than this one, and a TensorBoard that is not found or broken."""

import sys
from collections.abc import Callable
from dataclasses import replace
from importlib import metadata

import pytest

from cifar_cli.diagnosis import terminal_checks
from cifar_cli.diagnosis.finding import Situation
from cifar_cli.diagnosis.terminal_checks import check_encoding, check_tensorboard, check_terminal


def test_the_terminal_has_its_columns_and_colours(situation: Situation) -> None:
    assert check_terminal(situation).text == "80 columns, colours: 256"
    pipe = replace(situation, terminal=replace(situation.terminal, is_terminal=False))
    assert check_terminal(pipe).text == "output goes to a file or a pipe"


@pytest.mark.parametrize(("encoding", "status"), [("UTF8", "ok"), ("latin-1", "warning"), ("ascii", "warning")])
def test_an_encoding_other_than_utf_8_is_a_warning(
    encoding: str, status: str, make_situation: Callable[..., Situation]
) -> None:
    finding = check_encoding(make_situation(encoding=encoding))
    assert finding.status == status
    assert ("export PYTHONUTF8=1" in finding.mend) == (status == "warning")


def test_tensorboard_has_its_version_and_its_program(situation: Situation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terminal_checks.shutil, "which", lambda name, path=None: "/bin/tensorboard")
    finding = check_tensorboard(situation)
    assert (finding.status, finding.text) == ("ok", f"{metadata.version('tensorboard')}, /bin/tensorboard")


def test_a_tensorboard_outside_the_path_is_a_warning_with_the_command(
    situation: Situation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(terminal_checks.shutil, "which", lambda name, path=None: None)
    finding = check_tensorboard(situation)
    assert finding.status == "warning"
    assert finding.mend == f"{sys.executable} -m tensorboard.main --logdir logs"


def test_a_tensorboard_that_cannot_be_imported_is_a_problem(
    situation: Situation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    finding = check_tensorboard(situation)
    assert finding.status == "problem"
    assert finding.text.startswith("cannot be imported: ")
