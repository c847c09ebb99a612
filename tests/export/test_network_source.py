"""The source of a network: its imports, its classes and the call."""

import ast

import pytest
import torch

from cifar_cli.config import load
from cifar_cli.errors import UsageError
from cifar_cli.export.network_source import merged_imports, network_source
from cifar_cli.models.table import CnnKeys


def test_imports_are_merged_by_module_with_the_standard_library_first() -> None:
    blocks = ["import torch\nfrom torch import nn\nimport sys", "from math import prod\nfrom torch import Tensor, nn"]
    assert merged_imports(blocks) == [
        "import sys",
        "from math import prod",
        "",
        "import torch",
        "from torch import Tensor, nn",
    ]


def test_a_list_of_layers_becomes_a_sequential_with_all_arguments() -> None:
    source = network_source(load("layers/conv1"))
    assert source.body == ""
    (call,) = ast.parse(source.call).body
    assert isinstance(call, ast.Expr)
    assert ast.unparse(call).startswith("nn.Sequential(OrderedDict(conv1=nn.Conv2d(in_channels=3, out_channels=")


def test_another_network_is_its_file_and_a_call() -> None:
    source = network_source(load("cnn"))
    assert source.call == "CNN(image_shape=(3, 32, 32), num_classes=10, widths=(32, 64, 128), dropout=0.0)"
    names: dict[str, object] = {}
    exec(f"{source.imports}\n{source.body}", names)
    network = eval(source.call, names)
    assert network(torch.zeros(2, 3, 32, 32)).shape == (2, 10)


def test_a_network_whose_file_imports_ours_is_refused_with_another_format(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CnnKeys, "target", "cifar_cli.models.sequential:sequential")
    with pytest.raises(UsageError, match=r"imports other files of this program; write --to torch\.export$"):
        network_source(load("cnn"))
