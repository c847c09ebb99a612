"""Training code outside of functions is found without running the file; definitions and guarded code are not it."""

import ast

import pytest

from cifar_cli.models.own.training_code import find_training_code

DEFINITIONS = """\
import torch
from torch import nn

SIZES = [2 * size for size in range(3)]
torch.manual_seed(0)


class Net(nn.Module):
    def step(self, loss):
        loss.backward()


def train(net):
    DataLoader(net)
    train(net)


net = Net()
print(net)
"""


@pytest.mark.parametrize(
    ("code", "line", "shown"),
    [
        ("", None, None),
        ('if __name__ == "__main__":\n    train(net)\n', None, None),
        ("if '__main__' == __name__:\n    train(net)\nelse:\n    pass\n", None, None),
        ("train(net)\n", 20, "the training code `DataLoader()`, called from here, in line 14"),
        ("for epoch in range(3):\n    loss = net(1)\n    loss.backward()\n", 20, "the training code `loss.backward()`"),
        ("data = torchvision.datasets.CIFAR10('data', download=True)\n", 20, "the training code `datasets.CIFAR10()`"),
        ("if True:\n    writer = SummaryWriter('logs')\n", 20, "the training code `SummaryWriter()`"),
        ("class Run:\n    loader = DataLoader(3)\n", 20, "the training code `DataLoader()`"),
        (
            'if __name__ != "main":\n    train(net)\n',
            20,
            "the training code `DataLoader()`, called from here, in line 14",
        ),
    ],
)
def test_what_would_train_when_the_file_is_read_is_found(code: str, line: int | None, shown: str | None) -> None:
    found = find_training_code(ast.parse(DEFINITIONS + code))
    assert (found.line, found.code) == (line, shown) if found else line is None


def test_code_of_any_depth_is_read() -> None:
    assert find_training_code(ast.parse("x = " + " + ".join(["f(1)"] * 900) + "\nDataLoader(x)\n")) is not None
