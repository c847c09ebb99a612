"""What a user sees of the warnings of libraries."""

import logging
import subprocess
import sys
import warnings

import pytest

from cifar_cli.console.library_warnings import plain_warnings


def test_a_warning_is_one_line_and_printed_once(capsys: pytest.CaptureFixture[str]) -> None:
    text = "CUDA initialization: the driver is too old.\nUpdate it. (Triggered internally at /pytorch/c10/F.cpp:108.)"
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        with plain_warnings():
            for _ in range(2):
                warnings.warn(text, stacklevel=1)
            warnings.warn("for developers", FutureWarning, stacklevel=1)
    assert capsys.readouterr().err == "warning: CUDA initialization: the driver is too old. Update it.\n"


def test_logged_warnings_of_libraries_are_dropped_and_errors_are_not() -> None:
    program = (
        "import logging; from cifar_cli.console.library_warnings import plain_warnings\n"
        "with plain_warnings(): logging.getLogger('matplotlib').warning('temporary cache'); logging.error('broken')\n"
        "logging.getLogger('matplotlib').warning('afterwards')"
    )
    done = subprocess.run(
        [sys.executable, "-c", program.replace("logging.error", "logging.getLogger('x').error")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == "broken\nafterwards\n"


def test_a_filter_of_the_users_own_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "warnoptions", ["always"])
    before, level = warnings.showwarning, logging.lastResort.level if logging.lastResort else None
    with plain_warnings():
        assert warnings.showwarning is before
        assert logging.lastResort is None or logging.lastResort.level == level
