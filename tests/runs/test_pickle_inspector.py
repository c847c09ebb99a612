"""The structure of a checkpoint, read without building it, and the refusal of pickles that no checkpoint holds."""

import pickle
import struct
import zipfile
from io import BytesIO

import pytest
import torch

from cifar_cli.runs.pickle_inspector import (
    DTYPE_BYTES,
    PickleCodeError,
    PickleContentError,
    TensorShape,
    inspect_pickle,
)

START, STOP = b"\x80\x02", b"."
BYTES, UINT16, UINT64 = b"ctorch.storage\nUntypedStorage\n", b"ctorch\nuint16\n", b"ctorch\nuint64\n"
TENSOR, FLOATS, ORDERED = (
    b"ctorch._utils\n_rebuild_tensor_v2\n",
    b"ctorch\nFloatStorage\n",
    b"ccollections\nOrderedDict\n",
)


def number(value: int) -> bytes:
    """LONG1, which holds whole numbers of up to 255 bytes."""
    content = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
    return b"\x8a" + bytes([len(content)]) + content


def word(text: str) -> bytes:
    return b"X" + struct.pack("<I", len(text.encode())) + text.encode()


def numbers(values: tuple[int, ...]) -> bytes:
    return b"(" + b"".join(map(number, values)) + b"t"


def storage(elements: int, type_: bytes = FLOATS) -> bytes:
    return b"(" + word("storage") + type_ + word("0") + word("cpu") + number(elements) + b"tQ"


def tensor(elements: int, offset: int, shape: tuple[int, ...], strides: tuple[int, ...]) -> bytes:
    arguments = storage(elements) + number(offset) + numbers(shape) + numbers(strides) + b"\x89" + ORDERED + b")R"
    return TENSOR + b"(" + arguments + b"tR"


def tensor_with_dtype(
    dtype: bytes,
    offset: int,
    shape: tuple[int, ...],
    strides: tuple[int, ...],
    type_: bytes = BYTES,
    elements: int = 24,
) -> bytes:
    numbers_ = number(offset) + numbers(shape) + numbers(strides)
    arguments = storage(elements, type_) + numbers_ + b"\x89" + ORDERED + b")R" + dtype
    return b"ctorch._utils\n_rebuild_tensor_v3\n(" + arguments + b"tR"


def test_the_structure_of_a_saved_model_has_its_values_and_shapes() -> None:
    model = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 5), torch.nn.BatchNorm2d(4))
    shared = torch.arange(6.0).view(2, 3)
    plain = {
        "word": "é",
        "none": None,
        "flags": [True, False],
        "many": list(range(3000)),
        "big": 2**62,
        "pair": (1, 2.5),
    }
    file = BytesIO()
    torch.save({"model": model.state_dict(), "views": [shared, shared.t(), shared[1]], **plain}, file)
    with zipfile.ZipFile(file) as archive:
        parts = [part for part in archive.infolist() if "/data/" in part.filename]
        sizes = {part.filename.split("/")[-1]: part.file_size for part in parts}
        read = inspect_pickle(archive.read("archive/data.pkl"), storage_bytes=sizes)
    assert read == {
        "model": {name: TensorShape(tuple(weight.shape)) for name, weight in model.state_dict().items()},
        "views": [TensorShape((2, 3)), TensorShape((3, 2)), TensorShape((3,))],
        **plain,
    }


def test_a_short_tuple_may_be_shared_as_torch_shares_sizes() -> None:
    sizes = (64, 3, 3)
    file = BytesIO()
    torch.save({"first": sizes, "second": sizes}, file)
    with zipfile.ZipFile(file) as archive:
        read = inspect_pickle(archive.read("archive/data.pkl"), storage_bytes={})
    assert read == {"first": sizes, "second": sizes}


def test_a_tensor_written_by_hand_is_read_if_it_fits_its_storage() -> None:
    read = inspect_pickle(START + tensor(6, 0, (2, 3), (3, 1)) + STOP, storage_bytes={"0": 24})
    assert read == TensorShape((2, 3))


def test_a_tensor_that_names_its_dtype_is_read_if_it_fits_its_storage() -> None:
    for dtype, shape, strides in ((UINT16, (3, 4), (4, 1)), (UINT64, (3,), (1,))):
        read = inspect_pickle(START + tensor_with_dtype(dtype, 0, shape, strides) + STOP, storage_bytes={"0": 24})
        assert read == TensorShape(shape)


def doubled(times: int) -> bytes:
    """A pair of the same pair of the same pair …: a few hundred bytes for more values than there are atoms."""
    instructions = b")q\x00"
    for index in range(times):
        instructions += b"h" + bytes([index]) + b"h" + bytes([index]) + b"\x86q" + bytes([index + 1])
    return instructions


@pytest.mark.parametrize(
    ("instructions", "finding"),
    [
        (tensor(10**12, 0, (1,), (1,)), "24 bytes where a tensor needs 4,000,000,000,000"),
        (tensor(6, 0, (7,), (1,)), "a tensor of 7 numbers, in a storage of 6"),
        (tensor(6, 5, (2,), (1,)), "a tensor of 2 numbers, in a storage of 6"),
        (tensor(6, 0, (2,), (6,)), "a tensor of 2 numbers, in a storage of 6"),
        (tensor(6, 0, (10**12,), (0,)), "a tensor of 1,000,000,000,000 numbers, in a storage of 6"),
        (tensor(6, 3, (2, 3), (0, 1)), "a tensor of 6 numbers, in a storage of 6"),
        (tensor(6, -1, (2,), (1,)), "a tensor of no possible shape"),
        (tensor(6, 0, (-2,), (1,)), "a tensor of no possible shape"),
        (tensor(6, 0, (2, 3), (1,)), "a tensor of no possible shape"),
        (tensor(6, 0, (1,) * 17, (1,) * 17), "a tensor of no possible shape"),
        (
            storage(6) + b"0" + storage(24, b"ctorch\nByteStorage\n"),
            "the instruction POP",
        ),
        (b"(" + storage(6) + storage(24, b"ctorch\nByteStorage\n") + b"t", "a storage that is described in two ways"),
        (doubled(100), "values within values, over and over"),
        (b"}))\x86Ns", "a key that is neither a word nor a number"),
        (b"]q\x00h\x00a", "values within values, over and over"),
        (b"N" * 600_000, "more than 500,000 values"),
        (b"Nr\xff\xff\xff\x7f" + b"B\xff\xff\xff\xff", "instructions that make no sense"),
        (b"X\xff\xff\xff\xff", "instructions that make no sense"),
        (b"(" * 100_000, "instructions that make no sense"),
        (b"R", "instructions that make no sense"),
        (b"s", "instructions that make no sense"),
        (ORDERED + b"(Nt" + b"R", "a call that no tensor needs"),
        (FLOATS + b")R", "a call that no tensor needs"),
        (b"}" + b"}" + word("items") + b"Ns" + b"b", "an object that is no state_dict"),
        (b"", "instructions that make no sense"),
        (tensor_with_dtype(UINT16, 0, (13,), (1,)), "a tensor of 13 numbers, in a storage of 12"),
        (tensor_with_dtype(UINT64, 0, (24,), (1,)), "a tensor of 24 numbers, in a storage of 3"),
        (tensor_with_dtype(UINT64, 1, (3,), (1,)), "a tensor of 3 numbers, in a storage of 3"),
        (tensor_with_dtype(UINT64, 0, (4,), (1,), FLOATS, 6), "a tensor of 4 numbers, in a storage of 3"),
        (tensor_with_dtype(UINT16, 0, (2,), (1,), elements=10**12), "24 bytes where a tensor needs 1,000,000,000,000"),
        (tensor_with_dtype(FLOATS, 0, (2,), (1,)), "instructions that make no sense"),
        (tensor_with_dtype(b"N", 0, (2,), (1,)), "instructions that make no sense"),
        (TENSOR + b"(" + storage(24, UINT16) + b"tR", "instructions that make no sense"),
        (
            b"(" + storage(6) + storage(24, BYTES) + b"t",
            "a storage that is described in two ways",
        ),
    ],
    ids=range(34),
)
def test_a_pickle_that_asks_for_more_than_the_file_has_is_refused(instructions: bytes, finding: str) -> None:
    with pytest.raises(PickleContentError) as caught:
        inspect_pickle(START + instructions + STOP, storage_bytes={"0": 24})
    assert str(caught.value) == finding


@pytest.mark.parametrize(
    "name",
    [
        *("os system", "posix system", "builtins eval", "builtins exec", "builtins getattr", "subprocess Popen"),
        # torch's own reader would call these, and they can ask for any amount of memory.
        *("builtins bytearray", "torch Tensor", "torch.nn.parameter Parameter", "_codecs encode"),
        *("torch._utils _rebuild_sparse_tensor", "torch._utils _rebuild_qtensor", "torch qint8", "torch quint4x2"),
    ],
)
def test_a_name_that_no_tensor_needs_is_refused(name: str) -> None:
    module, attribute = name.split()
    call = f"c{module}\n{attribute}\n".encode() + b"(" + word("9" * 10) + b"tR"
    with pytest.raises(PickleCodeError) as caught:
        inspect_pickle(START + call + STOP, storage_bytes={})
    assert str(caught.value) == f"{module}.{attribute}"


@pytest.mark.parametrize("protocol", [0, 1, 3, 4, 5])
def test_pickles_of_other_protocols_are_refused_or_plain(protocol: int) -> None:
    with pytest.raises(PickleContentError):
        inspect_pickle(pickle.dumps({"a": [1, 2.5, "x", (1,)], "b": b"bytes", "c": {1}}, protocol), storage_bytes={})


def test_every_dtype_of_torch_that_is_not_quantized_is_listed_with_its_size() -> None:
    dtypes = {value for value in vars(torch).values() if isinstance(value, torch.dtype)}
    sizes = {str(dtype).replace(".", " "): dtype.itemsize for dtype in dtypes}
    plain = {name: size for name, size in sizes.items() if not name.startswith(("torch qint", "torch quint"))}
    assert {name: DTYPE_BYTES.get(name) for name in plain} == plain
