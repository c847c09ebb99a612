"""Reads the structure of a pickled checkpoint: builds no tensor, and imports and calls nothing that the pickle names.

Executes the instructions that `torch.save` writes for tensors and plain values, and refuses all others.
"""

import pickletools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from math import prod
from typing import Any

from cifar_cli.runs.pickle_names import (
    BYTE_STORAGE,
    DTYPE_BYTES,
    KNOWN_NAMES,
    ORDERED_DICT,
    REBUILD_TENSOR,
    REBUILD_TENSOR_WITH_DTYPE,
    STORAGE_BYTES,
    UNTYPED_STORAGE,
)

MAX_INSTRUCTIONS = 500_000  # a tensor takes some thirty; 500,000 take about a second
MAX_DIMENSIONS = 16
MAX_SHARED_ITEMS = 8  # of a tuple that is referred to again: otherwise a few bytes could stand for billions of values


class PickleContentError(Exception):
    """The pickle is damaged, or holds what no checkpoint holds. The text says what was found."""


class PickleCodeError(PickleContentError):
    """The pickle names something that would have to be run."""


@dataclass(frozen=True)
class TensorShape:
    """The shape of a tensor that was not built."""

    shape: tuple[int, ...]


@dataclass(frozen=True)
class _Name:
    """A class or function that the pickle names."""

    name: str


@dataclass(frozen=True)
class _Storage:
    """A part of the file whose bytes tensors share."""

    type: str
    elements: int


_Stack = list[Any]


def inspect_pickle(pickled: bytes, *, storage_bytes: Mapping[str, int] | None, file_bytes: int | None = None) -> object:
    """Returns the pickle's value, with a TensorShape in the place of each tensor.

    storage_bytes: the number of bytes that the file has for each storage; None for torch's format before version 1.6,
    in which all storages together are at most `file_bytes`. Raises PickleCodeError for a name that
    torch.save never writes for a tensor, and PickleContentError for anything else that is neither a plain value nor a
    tensor that fits its storage.
    """
    reader = _Reader(storage_bytes, file_bytes)
    try:
        for count, (instruction, argument, _) in enumerate(pickletools.genops(pickled)):
            if count == MAX_INSTRUCTIONS:
                raise PickleContentError(f"more than {MAX_INSTRUCTIONS:,} values")
            reader.execute(instruction.name, argument)
        (value,) = reader.stack
    except PickleContentError:
        raise
    except Exception as error:  # pickletools, and a stack with too little on it, have errors of many kinds
        raise PickleContentError("instructions that make no sense") from error
    return value


class _Reader:
    """A pickle machine that keeps a placeholder for each object it would build."""

    def __init__(self, storage_bytes: Mapping[str, int] | None, file_bytes: int | None) -> None:
        self.storage_bytes = storage_bytes
        self.unclaimed_bytes = file_bytes or 0
        self.storages: dict[str, _Storage] = {}
        self.stack: _Stack = []
        self.stacks_below_marks: list[_Stack] = []
        self.memo: dict[int, Any] = {}

    def execute(self, instruction: str, argument: Any) -> None:
        """Executes one instruction. Raises PickleContentError for one that torch.save does not write."""
        match instruction:
            case "PROTO" | "STOP":
                pass
            case "BININT" | "BININT1" | "BININT2" | "LONG1" | "BINFLOAT" | "BINUNICODE":
                self.stack.append(argument)
            case "NONE" | "NEWTRUE" | "NEWFALSE":
                self.stack.append({"NONE": None, "NEWTRUE": True, "NEWFALSE": False}[instruction])
            case "EMPTY_DICT" | "EMPTY_LIST" | "EMPTY_TUPLE":
                self.stack.append({"EMPTY_DICT": dict, "EMPTY_LIST": list, "EMPTY_TUPLE": tuple}[instruction]())
            case "TUPLE1" | "TUPLE2" | "TUPLE3":
                self.stack.append(tuple(self.pop(int(instruction[-1]))))
            case "TUPLE":
                items = self.pop_to_mark()
                self.stack.append(tuple(items))
            case "MARK":
                self.stacks_below_marks.append(self.stack)
                self.stack = []
            case "APPEND" | "APPENDS":
                items = self.pop(1) if instruction == "APPEND" else self.pop_to_mark()
                _expect(self.stack[-1], list).extend(items)
            case "SETITEM" | "SETITEMS":
                items = self.pop(2) if instruction == "SETITEM" else self.pop_to_mark()
                _expect(self.stack[-1], dict).update(_entries(items))
            case "BINPUT" | "LONG_BINPUT":
                self.memo[argument] = self.stack[-1]
            case "BINGET" | "LONG_BINGET":
                self.stack.append(_check_shareable(self.memo[argument]))
            case "GLOBAL":
                if argument not in KNOWN_NAMES:
                    raise PickleCodeError(argument.replace(" ", "."))
                self.stack.append(_Name(argument))
            case "BINPERSID":
                self.stack.append(self.storage(*self.stack.pop()))
            case "REDUCE":
                function, arguments = self.pop(2)
                self.stack.append(_call(function, arguments))
            case "BUILD":  # the version numbers that a state_dict carries
                attributes = self.stack.pop()
                if list(attributes) != ["_metadata"] or type(self.stack[-1]) is not dict:
                    raise PickleContentError("an object that is no state_dict")
            case _:
                raise PickleContentError(f"the instruction {instruction}")

    def pop(self, count: int) -> _Stack:
        """Removes the last `count` values from the stack and returns them."""
        values = self.stack[-count:]
        if len(values) < count:
            raise PickleContentError("instructions that make no sense")
        del self.stack[-count:]
        return values

    def pop_to_mark(self) -> _Stack:
        """Removes all values since the last mark from the stack and returns them."""
        values, self.stack = self.stack, self.stacks_below_marks.pop()
        return values

    def storage(self, tag: str, type_: _Name, key: str, location: str, elements: int, view: None = None) -> _Storage:
        """Returns the storage. Raises PickleContentError if the file does not have all of its bytes.

        view: a part of another storage, in torch's old format; nobody writes it any more.
        """
        # torch loads an untyped storage as one of bytes, and a file may name one storage both ways.
        is_new = key not in self.storages
        storage = _Storage(BYTE_STORAGE if type_.name == UNTYPED_STORAGE else type_.name, elements)
        if (tag, type(location), type(elements), view) != ("storage", str, int, None) or self.storages.setdefault(
            key, storage
        ) != storage:
            raise PickleContentError("a storage that is described in two ways")
        expected_bytes = elements * STORAGE_BYTES[storage.type]
        if self.storage_bytes is None:
            self.unclaimed_bytes -= expected_bytes if is_new else 0
            if elements < 0 or self.unclaimed_bytes < 0:
                raise PickleContentError("tensors that are larger together than the file")
            return storage
        if self.storage_bytes.get(key) != expected_bytes:
            raise PickleContentError(
                f"{self.storage_bytes.get(key, 0):,} bytes where a tensor needs {expected_bytes:,}"
            )
        return storage


def _expect(value: Any, type_: type) -> Any:
    if type(value) is not type_:
        raise PickleContentError("instructions that make no sense")
    return value


def _entries(items: _Stack) -> Iterator[tuple[str | int, Any]]:
    for key, value in zip(islice(items, 0, None, 2), islice(items, 1, None, 2), strict=True):
        if type(key) not in (str, int):  # computing the hash of a nested tuple can take hours
            raise PickleContentError("a key that is neither a word nor a number")
        yield key, value


def _check_shareable(value: Any) -> Any:
    """Returns the value. Raises PickleContentError if repeated references to the value could multiply its size."""
    is_nested = type(value) is tuple and (len(value) > MAX_SHARED_ITEMS or any(type(item) is tuple for item in value))
    if is_nested or type(value) in (list, dict):
        raise PickleContentError("values within values, over and over")
    return value


def _call(function: Any, arguments: tuple[Any, ...]) -> object:
    if function == _Name(ORDERED_DICT) and arguments == ():
        return {}
    if function == _Name(REBUILD_TENSOR):
        return _tensor(*arguments)
    if function == _Name(REBUILD_TENSOR_WITH_DTYPE):
        *others, dtype = arguments
        return _tensor(*others, element_bytes=DTYPE_BYTES[_expect(dtype, _Name).name])
    raise PickleContentError("a call that no tensor needs")


def _tensor(
    storage: _Storage,
    offset: int,
    shape: tuple[int, ...],
    strides: tuple[int, ...],
    requires_grad: bool,
    backward_hooks: dict[str, object],
    *,
    element_bytes: int | None = None,
) -> TensorShape:
    """Returns the tensor's shape. Raises PickleContentError unless its elements lie in its storage without overlap.

    element_bytes: those of the tensor's own dtype, None if the dtype is the storage's.
    """
    numbers = (offset, *shape, *strides)
    is_impossible = len(shape) != len(strides) or len(shape) > MAX_DIMENSIONS
    if is_impossible or any(type(number) is not int or number < 0 for number in numbers):
        raise PickleContentError("a tensor of no possible shape")
    if type(requires_grad) is not bool or backward_hooks != {}:
        raise PickleContentError("a tensor with something attached to it")
    elements = _expect(storage, _Storage).elements
    if element_bytes:
        elements = elements * STORAGE_BYTES[storage.type] // element_bytes
    last = offset + sum((size - 1) * stride for size, stride in zip(shape, strides, strict=True))
    # The first condition holds for all tensors without overlap, and bounds code that iterates over the elements.
    if offset + prod(shape) > elements or (prod(shape) and last >= elements):
        raise PickleContentError(f"a tensor of {prod(shape):,} numbers, in a storage of {elements:,}")
    return TensorShape(shape)
