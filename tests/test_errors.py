"""The errors that a person can cause: exit codes, all issues of a configuration, and the nearest word."""

import errno
import os
import signal
import tempfile

import pytest
import torch

from cifar_cli import errors
from cifar_cli.errors import describe_write_error, no_temporary_folder, out_of_memory


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.CifarError("x"), 1),
        (errors.DataError("x"), 1),
        (errors.CheckpointError("x"), 1),
        (errors.RunError("x"), 1),
        (errors.RunNotFoundError("x"), 2),
        (errors.DivergedError("x"), 1),
        (errors.UsageError("x"), 2),
        (errors.ConfigError(["x"]), 2),
        (errors.StoppedError("x"), 130),
        (errors.StoppedError("x", signal.SIGTERM), 143),
    ],
    ids=lambda value: type(value).__name__,
)
def test_every_error_has_the_exit_code_of_the_contract(error: errors.CifarError, code: int) -> None:
    assert error.exit_code == code
    assert str(error) == "x"


def test_a_config_error_has_all_issues_one_line_each() -> None:
    error = errors.ConfigError(["a: wrong", "b: wrong"])
    assert error.issues == ("a: wrong", "b: wrong")
    assert str(error) == "a: wrong\nb: wrong"


@pytest.mark.parametrize(
    ("number", "mend"),
    [
        (errno.EEXIST, "a file stands in the place of a folder of this path; move it away"),
        (errno.ENOTDIR, "a file stands in the place of a folder of this path; move it away"),
        (errno.EISDIR, "a folder stands in the place of the file; move it away"),
        (errno.ENOSPC, "free space"),
        (errno.EFBIG, "free space, or raise the limit (ulimit -f)"),
        (errno.EACCES, "mend the folder's rights"),
        (errno.EROFS, "choose a folder that can be written to"),
        (errno.ENAMETOOLONG, "choose a shorter name"),
        (errno.EIO, "free space, or mend the folder's rights"),
    ],
)
def test_a_file_that_cannot_be_written_gets_advice_for_its_reason(number: int, mend: str) -> None:
    assert describe_write_error(OSError(number, os.strerror(number))) == f"{os.strerror(number)}; {mend}"


def test_the_most_similar_word_is_suggested_and_no_other() -> None:
    assert errors.did_you_mean("cifer10", ["cifar100", "cifar10", "synthetic"]) == "; did you mean 'cifar10'?"
    assert errors.did_you_mean("mnist", ["cifar10", "synthetic"]) == ""


@pytest.mark.parametrize(
    ("error", "device"),
    [
        (MemoryError(), "this machine"),
        (
            RuntimeError("[enforce fail at alloc_cpu.cpp:127] . DefaultCPUAllocator: can't allocate memory"),
            "this machine",
        ),
        (RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB"), "the GPU"),
        (OSError(12, "Cannot allocate memory"), "this machine"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_too_little_memory_is_told_with_its_mend(error: Exception, device: str) -> None:
    told = out_of_memory(error)
    assert told is not None
    assert told.exit_code == 1
    assert str(told) == (
        f"{device}: expected memory for the command, found too little; try a smaller data.batch_size or a smaller "
        "model, or end other programs"
    )
    assert out_of_memory(ValueError("another error")) is None


def test_a_tensor_that_no_machine_holds_is_told_as_too_little_memory() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**60)
    assert out_of_memory(caught.value) is not None


def test_a_machine_without_a_folder_for_temporary_files_is_told_how_to_name_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(tempfile, "_candidate_tempdir_list", lambda: ["/nonexistent"])
    with pytest.raises(FileNotFoundError) as caught:
        tempfile.gettempdir()
    assert str(no_temporary_folder(caught.value)) == (
        "temporary files: expected a folder that can be written to, as torch needs one, found none: not $TMPDIR, /tmp, "
        "/var/tmp or the working directory; name one: TMPDIR=FOLDER"
    )
    assert no_temporary_folder(FileNotFoundError("another")) is None
