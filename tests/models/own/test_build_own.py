"""Building a person's own network: what the file may be, what it is called with, and what cannot run."""

import random
from pathlib import Path

import numpy as np
import pytest
import torch

from cifar_cli.builders.build_model import build_model
from cifar_cli.config import Experiment, load_text, to_flow_yaml
from cifar_cli.errors import CifarError, UsageError
from cifar_cli.models.own import build_own
from cifar_cli.models.own.build_own import is_trusted, trust, trusted_sources
from cifar_cli.models.own.own_source import OwnSource, read_own_source

HEAD = "import random\n\nimport numpy as np\nimport torch\nfrom torch import nn\n\n"


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(build_own, "_trusted", {})
    monkeypatch.setattr(build_own, "_modules", {})


def named(text: str, name: str = "Net") -> OwnSource:
    Path("my_net.py").write_text(HEAD + text)
    return read_own_source(f"my_net.py:{name}")


def experiment_of(own: OwnSource, *, seed: int = 0) -> Experiment:
    return load_text(f"seed: {seed}\nmodel: {to_flow_yaml(dict(own.keys))}\n", location="a test")


def built(text: str, name: str = "Net", *, seed: int = 0) -> torch.nn.Module:
    own = named(text, name)
    trust(own)
    return build_model(experiment_of(own, seed=seed))


def test_a_class_gets_the_arguments_that_it_accepts() -> None:
    model = built(
        "class Net(nn.Linear):\n    def __init__(self, num_classes):\n        super().__init__(2, num_classes)\n"
    )
    assert model.out_features == 10
    shape = built("def Net(image_shape, *, depth=3):\n    return nn.Linear(image_shape[2], depth)\n")
    assert (shape.in_features, shape.out_features) == (32, 3)
    assert isinstance(built("Net = lambda: nn.ReLU()\n"), torch.nn.ReLU)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "Net = nn.Linear(3, 4)\n",
            "my_net.py:7: expected a class or a function that gives a network, found a network",
        ),
        ("Net = 3\n", "my_net.py:7: expected a class or a function that gives a network, found Net, a int; name a cl"),
        (
            "class Net:\n    pass\n",
            "my_net.py:7: expected a subclass of nn.Module, found the class Net of another kind; ",
        ),
        (
            "def Net():\n    nn.ReLU()\n",
            "my_net.py:7: expected Net to give an nn.Module, found nothing; end it with return",
        ),
        (
            "def Net():\n    return 3\n",
            "my_net.py:7: expected Net to give an nn.Module, found a int; return the network",
        ),
        (
            "def Net(image_shape, n_classes):\n    pass\n",
            "found that Net needs n_classes too; did you mean 'num_classes'?",
        ),
        (
            "class Net(nn.Module):\n    def __init__(self, hidden_size):\n        pass\n",
            "my_net.py:8: expected a class that is called with num_classes and image_shape, or without arguments, "
            "found that Net needs hidden_size too; give a default, such as hidden_size=64",
        ),
        (
            "class Net(nn.Module):\n    def __init__(self):\n        self.width = 3\n",
            "my_net.py:8: expected super().__init__() in the __init__ of Net, found none; write it as the first line",
        ),
        (
            "raise SystemExit\nNet = 3\n",
            "my_net.py:7: expected a file that can be read for its network, found one that ends",
        ),
        ("Net = nn.Conv2D\n", "my_net.py:7: expected a name of torch.nn, found 'Conv2D'; did you mean 'Conv2d'?"),
        (
            "Net = np.zeros((2,)) @ np.zeros((3,))\n",
            "my_net.py:7: the line `Net = np.zeros((2,)) @ np.zeros((3,))` failed with",
        ),
    ],
)
def test_what_gives_no_network_is_told_with_its_line(text: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        built(text)
    assert message in str(caught.value)


def test_a_network_whose_file_nobody_named_is_not_built_and_its_file_does_not_run() -> None:
    own = named("open('ran.txt', 'w')\nclass Net(nn.Module):\n    pass\n")
    assert not is_trusted(own.keys)
    with pytest.raises(UsageError, match=r"write --model my_net\.py:Net, or --trust-model to run the copy"):
        build_model(experiment_of(own))
    assert not Path("ran.txt").exists()


def test_trust_is_in_a_name_of_a_file_with_a_checksum() -> None:
    trust(named("class Net(nn.ReLU):\n    pass\ndef erase():\n    open('ran.txt', 'w')\n"))
    (own,) = trusted_sources()
    assert is_trusted(own.keys)
    for changes in ({"attribute": "erase"}, {"sha256": "0" * 64}):
        keys = own.keys.model_copy(update=changes)
        assert not is_trusted(keys)
        with pytest.raises(UsageError):
            build_model(load_text(f"model: {to_flow_yaml(dict(keys))}\n", location="a test"))
    assert not Path("ran.txt").exists()


def test_configurations_changed_at_random_run_nothing() -> None:
    own = named("open('ran.txt', 'w')\nclass Net(nn.Module):\n    pass\n")
    text = f"data: {{name: synthetic}}\nmodel: {to_flow_yaml(dict(own.keys))}\n"
    pieces = [
        "my_net.py:Net",
        "file",
        "__import__('my_net')",
        "!!python/name:my_net.Net",
        "{",
        "target: my_net:Net",
        "name",
    ]
    generator, refused = random.Random(0), 0
    for _ in range(500):
        start, end = sorted(generator.sample(range(len(text)), 2))
        changed = text[:start] + generator.choice(pieces) + text[min(end, start + 12) :]
        try:
            build_model(load_text(changed, location="fuzz.yaml"))
        except CifarError:
            refused += 1
    assert refused == 500
    assert not Path("ran.txt").exists()


def test_the_seed_decides_the_weights_whatever_the_file_draws_and_however_often_it_is_built() -> None:
    text = (
        "SCALE = torch.randn(()).item() + random.random() + np.random.rand()\n"
        "class Net(nn.Linear):\n    def __init__(self):\n        super().__init__(3, 4)\n"
        "        self.noise = (SCALE, random.random(), np.random.rand())\n"
    )
    states = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()
    first, again, other = built(text), built(text), built(text, seed=1)
    assert torch.equal(first.weight, again.weight)
    assert first.noise == again.noise
    assert not torch.equal(first.weight, other.weight)
    assert first.noise[1:] != other.noise[1:]
    assert torch.equal(torch.get_rng_state(), states[0])
    assert (random.getstate(), np.random.get_state()[1].tolist()) == states[1:]


def test_a_file_imports_its_neighbours_and_a_mistake_there_is_told_with_its_line() -> None:
    Path("blocks.py").write_text("from torch import nn\n\ndef block():\n    return nn.Linear(3, 4) + 1\n")
    with pytest.raises(
        UsageError, match=r"blocks\.py:4: the line `return nn\.Linear\(3, 4\) \+ 1` failed with TypeError"
    ):
        built("from blocks import block\nclass Net(nn.Module):\n    def __init__(self):\n        self.a = block()\n")


def test_what_a_file_prints_goes_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    built("print('hello')\nclass Net(nn.ReLU):\n    pass\n")
    assert tuple(capsys.readouterr()) == ("", "hello\n")
