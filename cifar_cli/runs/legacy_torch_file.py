"""Reads the structure of a file in torch's format before version 1.6: several pickles, then the bytes of the tensors.

Nothing that a pickle names is imported or called.
"""

import pickletools
from pathlib import Path

from cifar_cli.runs.checkpoint_archive import MAX_PICKLE_BYTES
from cifar_cli.runs.foreign_files import OLD_TORCH_MAGIC
from cifar_cli.runs.pickle_inspector import PickleContentError, inspect_pickle

PICKLES_BEFORE = 3  # a magic number, the version of the protocol, and facts of the machine


def is_legacy_torch_file(path: Path) -> bool:
    """Returns whether the file begins as torch.save began its files before version 1.6. Raises OSError."""
    with path.open("rb") as file:
        return OLD_TORCH_MAGIC in file.read(32)


def inspect_legacy_file(path: Path) -> object:
    """Returns the value of a file in the old format, with a TensorShape in the place of each tensor.

    Raises PickleCodeError, PickleContentError and OSError.
    """
    file_bytes = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(MAX_PICKLE_BYTES)
    start = 0
    for _ in range(PICKLES_BEFORE):
        end = _end_of_pickle(head, start)
        inspect_pickle(head[start:end], storage_bytes={})
        start = end
    return inspect_pickle(head[start : _end_of_pickle(head, start)], storage_bytes=None, file_bytes=file_bytes)


def _end_of_pickle(content: bytes, start: int) -> int:
    try:
        for instruction, _, position in pickletools.genops(content[start:]):
            if instruction.name == "STOP":
                assert position is not None
                return start + position + 1
    except Exception as error:  # pickletools has errors of many kinds
        raise PickleContentError("instructions that make no sense") from error
    raise PickleContentError("instructions without an end")
