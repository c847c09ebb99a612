"""What a person's own network is told before anything else is done with it: wrong networks, one mistake each."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

HEAD = """\
import torch
from torch import nn
from torch.nn import functional as F


class Net(nn.Module):
    def __init__(self):
        super().__init__()
"""


def net(init: str, forward: str = "return self.fc(x.flatten(1))") -> str:
    """Returns a file whose class has these lines in __init__, from line 9 on, and in forward."""

    def indented(text: str) -> str:
        return "".join(f"        {line}\n" for line in text.splitlines())

    return f"{HEAD}{indented(init)}\n    def forward(self, x):\n{indented(forward)}"


FC = "self.fc = nn.Linear(3072, 10)"
CONV = "self.conv = nn.Conv2d(3, 6, 3)"

# Each with the line of the file and what is said of it.
WRONG = {
    "numbers for a linear layer": (
        net(f"{CONV}\nself.fc = nn.Linear(1024, 10)", "return self.fc(self.conv(x).flatten(1))"),
        "13: expected 1024 numbers for each image in fc (Linear), found the shape (B, 5400); write nn.Linear(5400, 10)",
    ),
    "an import with a dot": (
        net(FC).replace("import torch\n", "from .helper import width\n", 1),
        "1: expected an import without a dot, as this file is in no package, found one with a dot; leave it out",
    ),
    "an import of a misspelt name": (
        net(FC).replace("import torch\n", "from torch.nn import Conv2D\n", 1),
        "1: expected a name of torch.nn, found 'Conv2D'; did you mean 'Conv2d'?",
    ),
    "a GPU that is not there": (
        net("raise RuntimeError('Found no NVIDIA driver on your system. Please check')"),
        "9: expected a network that stays where it is made, found one that is moved to a GPU, and there is none here; "
        "leave .cuda() and .to(…) out: the program moves the network, to where train.device says",
    ),
    "not flattened": (
        net(FC, "return self.fc(x)"),
        "12: expected 3072 numbers for each image in fc (Linear), found the shape (B, 3, 32, 32); flatten it before, "
        "x = x.flatten(1), which gives 3072 numbers",
    ),
    "flattened with the batch": (
        net("self.fc = nn.Linear(196608, 10)", "return self.fc(torch.flatten(x))"),
        "12: expected 196608 numbers for each image in fc (Linear), found the shape (6144), in which the images are "
        "mixed; keep the first dimension: x.flatten(1)",
    ),
    "flattened with the batch into the same name": (
        net(FC, "x = torch.flatten(x)\nreturn self.fc(x)"),
        "13: expected 3072 numbers for each image in fc (Linear), found the shape (6144), in which the images are "
        "mixed; keep the first dimension: x.flatten(1)",
    ),
    "squeezed": (
        net(FC, "return self.fc(x.flatten(1)).squeeze()"),
        "11: expected an output of the shape (1, 10) for a single image, found (10,); write x.flatten(1) in the place "
        "of x.squeeze()",
    ),
    "a product of matrices": (
        net("self.w = nn.Parameter(torch.zeros(100, 10))", "return x.flatten(1) @ self.w"),
        "12: expected 100 numbers in each row of a matrix product, found 3072, in 2 rows; write 3072 where the other",
    ),
    "channels": (
        net("self.net = nn.Sequential(nn.Conv2d(3, 6, 3), nn.Conv2d(16, 32, 3))", "return self.net(x)"),
        "12: expected 16 channels in net.1 (Conv2d), found 6 in the shape (B, 6, 30, 30); write nn.Conv2d(6, 32, …)",
    ),
    "channels of a normalization": (
        net(f"{CONV}\nself.norm = nn.BatchNorm2d(16)", "return self.norm(self.conv(x))"),
        "13: expected 16 channels in norm (BatchNorm2d), found 6 in the shape (B, 6, 30, 30); write nn.BatchNorm2d(6)",
    ),
    "dimensions of a normalization": (
        net("self.norm = nn.BatchNorm2d(3072)", "return self.norm(x.flatten(1))"),
        "12: expected other dimensions in norm (BatchNorm2d), found the shape (B, 3072); write nn.BatchNorm1d",
    ),
    "a convolution of rows": (
        net(CONV, "return self.conv(x.flatten(1))"),
        "12: expected images (B, channels, height, width) in conv (Conv2d), found the shape (B, 3072); take the flatt",
    ),
    "nothing left to pool": (
        net("self.pool = nn.MaxPool2d(8)", "return self.pool(self.pool(x))"),
        "12: expected more pixels in pool (MaxPool2d), found 4×4 in the shape (B, 3, 4, 4), fewer than its window",
    ),
    "nothing left to convolve": (
        net("self.pool = nn.MaxPool2d(16)\nself.conv = nn.Conv2d(3, 6, 5)", "return self.conv(self.pool(x))"),
        "13: expected more pixels in conv (Conv2d), found 2×2 in the shape (B, 3, 2, 2), fewer than its window takes",
    ),
    "a view with a wrong number": (
        net(FC, "return self.fc(x.view(-1, 1000))"),
        "12: expected numbers that fit the shape [-1, 1000], found 6,144, which are 3,072 for each of 2 images; write "
        "x.flatten(1)",
    ),
    "a sum of unequal maps": (
        net("self.conv = nn.Conv2d(3, 3, 3)", "return x + self.conv(x)"),
        "12: expected tensors of one size, found 32 and 30 in dimension 3; give the layer between them a padding",
    ),
    "a fixed number of images": (
        net(FC, "return self.fc(x.view(1, -1)[:, :3072])"),
        "11: expected one row in the output for each of 2 images, found the shape (1, 10), in which the images are",
    ),
    "a list of layers": (
        net("self.layers = [nn.Linear(3072, 64), nn.Linear(64, 10)]", "return self.layers[1](self.layers[0](x))"),
        "9: expected the layers in self.layers to be registered, found them in a list, where their weights are neither "
        "trained nor saved; write self.layers = nn.ModuleList([…])",
    ),
    "a dict of layers": (
        net("self.layers = {'a': nn.Linear(3072, 10)}", "return self.layers['a'](x.flatten(1))"),
        "9: expected the layers in self.layers to be registered, found them in a dict, where their weights are neither "
        "trained nor saved; write self.layers = nn.ModuleDict({…})",
    ),
    "a layer made in forward": (
        net("pass", "return nn.Linear(3072, 10)(x.flatten(1))"),
        "6: expected only layers that Net has registered, found that forward calls another Linear, whose weights are",
    ),
    "a weight that is no parameter": (
        net("self.w = torch.zeros(3072, 10, requires_grad=True)", "return x.flatten(1) @ self.w"),
        "9: expected the weights self.w to be registered, found a plain tensor, which is neither trained nor saved; "
        "write self.w = nn.Parameter(…)",
    ),
    "no forward": (
        f"{HEAD}        {FC}\n",
        "6: expected a method forward in the class Net, found none; write def forward(self, x): with return at its end",
    ),
    "a misspelt forward": (
        net(FC).replace("def forward", "def foward"),
        "6: expected a method forward in the class Net, found none; is it called 'foward'? Write def forward(self, x):",
    ),
    "a forward within __init__": (
        f"{HEAD}        {FC}\n        def forward(self, x):\n            return self.fc(x.flatten(1))\n",
        "6: expected a method forward in the class Net, found none: the one in line 10 is indented too far; move it",
    ),
    "a forward without images": (
        net(FC).replace("forward(self, x)", "forward(self)"),
        "6: expected Net.forward to take the images, found no argument for them; write def forward(self, x):",
    ),
    "a forward of more than images": (
        net(FC).replace("forward(self, x)", "forward(self, x, mask)"),
        "6: expected forward to take a batch of images alone, found that it needs 'mask' too; give a default",
    ),
    "no return": (
        net(FC, "self.fc(x.flatten(1))"),
        "11: expected forward to give a tensor, found nothing; end it with return x",
    ),
    "two outputs": (
        net(FC, "return self.fc(x.flatten(1)), x"),
        "11: expected forward to give one tensor, found a tuple; return the scores alone",
    ),
    "classes instead of scores": (
        net(FC, "return self.fc(x.flatten(1)).argmax(1)"),
        "11: expected forward to give numbers of type float32, found int64; return the scores themselves",
    ),
    "no super().__init__()": (
        net(FC).replace("        super().__init__()\n", ""),
        "8: expected super().__init__() before this line, found none; write it as the first line of __init__",
    ),
    "a misspelt __init__": (
        net(FC).replace("def __init__(self):\n        super().__init__()", "def _init_(self):\n        pass"),
        "12: expected self.fc in the class Net, found none: __init__ is called _init_ there; write def __init__(self):",
    ),
    "a misspelt attribute": (
        net("self.linear = nn.Linear(3072, 10)", "return self.linaer(x.flatten(1))"),
        "12: expected self.linaer in the class Net, found none; did you mean 'linear'?",
    ),
    "a forgotten import": (
        net("self.norm = BatchNorm2d(3)"),
        "9: expected a name that is known here, found 'BatchNorm2d'; write nn.BatchNorm2d, with from torch import nn",
    ),
    "arguments of a layer": (
        net("self.conv = nn.Conv2d(3, 6)"),
        "9: expected the arguments of Conv2d, found: missing 1 required positional argument: 'kernel_size'; mend the",
    ),
    "anything else": (
        net(FC, "raise KeyError('no idea')"),
        "12: the line `raise KeyError('no idea')` failed with KeyError: 'no idea'; mend it there, or see more with",
    ),
}
UNTRAINABLE = {
    "a convolution alone": (
        net(CONV, "return self.conv(x)"),
        "6: expected one score for each of the 10 classes of synthetic at the end of Net, found 6×30×30 = 5,400 "
        "numbers for each image; add nn.Flatten() and nn.Linear(5400, 10) at its end. To look at it as it is: cifar "
        "explain "
        "my_net.py:Net",
    ),
    "other classes": (
        net("self.fc = nn.Linear(3072, 100)"),
        "found 100 numbers for each image; write nn.Linear(…, 10) for its last layer, or add nn.Linear(100, 10)",
    ),
    "no weights": (
        net("pass", "return x.flatten(1)[:, :10]"),
        "6: expected weights to train in Net, found none; add a layer that has some, such as nn.Linear",
    ),
    "no gradient": (
        net(FC, "return self.fc(x.flatten(1)).detach()"),
        "6: expected an output that depends on the weights, found one without a gradient; take .detach(), .data",
    ),
    "changed in place": (
        net(FC, "y = self.fc(x.flatten(1)).exp()\ny += 1\nreturn y"),
        "6: expected tensors that stay as they are until the gradient is computed, found one that is changed in place",
    ),
    "sizes": (
        net(FC),
        "12: expected 3072 numbers for each image in fc (Linear), found the shape (B, 1875); write nn.Linear(1875, 10)",
    ),
}


def outcome_of(words: list[str], text: str, cifar: Callable[..., Any], folder: Path) -> Any:
    (folder / "my_net.py").write_text(text)
    outcome = cifar(*words, "data.name=synthetic", "data.val_size=100")
    assert "Traceback" not in outcome.err
    assert not (folder / "logs").exists()
    return outcome


@pytest.mark.parametrize("mistake", WRONG)
def test_a_network_that_cannot_run_is_told_with_the_line_of_the_file(
    mistake: str, cifar: Callable[..., Any], tmp_path: Path
) -> None:
    text, message = WRONG[mistake]
    outcome = outcome_of(["explain", "my_net.py:Net"], text, cifar, tmp_path)
    assert outcome.code == 2
    assert f"error: my_net.py:{message}" in outcome.err
    assert outcome.out == ""


@pytest.mark.parametrize("mistake", UNTRAINABLE)
def test_a_network_that_cannot_be_trained_is_told_what_it_lacks(
    mistake: str, cifar: Callable[..., Any], tmp_path: Path
) -> None:
    text, message = UNTRAINABLE[mistake]
    words = ["train", "--model", "my_net.py:Net", *(["data.augment.sizes=[25]"] if mistake == "sizes" else [])]
    outcome = outcome_of(words, text, cifar, tmp_path)
    assert outcome.code == 2
    assert message in outcome.err


SOFTMAX = "keeps the class scores between 0 and 1, so that the loss cross_entropy, which takes the softmax itself,"


@pytest.mark.parametrize(
    ("text", "warning"),
    [
        (net(f"{FC}\nself.softmax = nn.Softmax(1)", "return self.softmax(self.fc(x.flatten(1)))"), "10: Softmax as {}"),
        (net(FC, "return F.softmax(self.fc(x.flatten(1)), dim=1)"), "12: Softmax as {}"),
        (
            net(FC, "return self.fc(x.flatten(1)).log_softmax(1)"),
            "12: the loss cross_entropy takes the LogSoftmax",
        ),
        (
            net(FC, "return F.relu(self.fc(x.flatten(1)))"),
            "12: ReLU as the last layer turns every negative class",
        ),
        (
            net(f"torch.manual_seed(0)\n{FC}"),
            "9: the network seeds the random numbers itself, so that those that it draws are the same for every seed "
            "of the configuration and of --seeds: leave it out",
        ),
        (
            net(f"{FC}\nself.extra = nn.Linear(3, 4)"),
            "12: forward did not use extra when it was tried: weights that are not",
        ),
    ],
)
def test_likely_mistakes_are_warned_of(text: str, warning: str, cifar: Callable[..., Any], tmp_path: Path) -> None:
    outcome = outcome_of(["train", "--dry-run", "--model", "my_net.py:Net"], text, cifar, tmp_path)
    assert outcome.code == 0, outcome.err
    expected = warning.format(f"the last layer {SOFTMAX}") if "{}" in warning else warning
    assert f"warning: my_net.py:{expected}" in outcome.err


def test_a_sound_network_is_told_nothing_but_the_layers_that_it_does_not_have(
    cifar: Callable[..., Any], tmp_path: Path
) -> None:
    outcome = outcome_of(["train", "--dry-run", "--model", "my_net.py:Net"], net(FC), cifar, tmp_path)
    first, second, *_ = outcome.err.splitlines()
    assert first == (
        "warning: log.feature_layers: conv1: no such layer in my_net.py:Net, so left out; for pictures of a layer of "
        "your network, write 'log.feature_layers=[fc]'"
    )
    assert "SYNTHETIC" in second
    named = ["train", "--dry-run", "--model", "my_net.py:Net", "log.feature_layers=[cf]"]
    assert "no layer 'cf'" in outcome_of(named, net(FC), cifar, tmp_path).err
