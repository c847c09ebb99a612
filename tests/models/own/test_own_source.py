"""Reading a person's own file: the word that names it, its syntax, and the names in it; nothing runs."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cifar_cli.errors import UsageError
from cifar_cli.models.own.own_source import class_names, meant_own_word, read_own_source

FILE = (
    "import torch\nfrom torch import nn as layers\n\n\nclass Net(layers.Module):\n    pass\n\n\ndef make():\n    pass\n"
)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("my_net.py").write_text(FILE)


def test_names_that_the_file_defines_or_imports_are_found_with_their_lines() -> None:
    own = read_own_source("my_net.py:Net")
    assert (own.line_of("Net"), own.line_of("layers"), own.line_of("make"), own.line_of("other")) == (5, 2, 9, 1)
    assert (own.word, own.keys.label, own.is_copy) == ("my_net.py:Net", "my_net.py:Net", False)
    assert read_own_source("./my_net.py:make").word == "my_net.py:make"
    assert class_names(Path("my_net.py")) == ["Net"]


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("a.py:Net", "a.py:Net"),
        ("C:\\a.py:Net", "C:\\a.py:Net"),
        ("a.py", "a.py:Net"),
        ("my_net:make", "my_net.py:make"),
        ("run", None),
        ("my_net", None),
        ("a:Net", None),
    ],
)
def test_the_word_that_names_a_network_of_ones_own_is_known_from_what_people_type(word: str, meant: str | None) -> None:
    assert meant_own_word(word) == meant


@pytest.mark.parametrize(
    ("word", "message"),
    [
        (
            "my_net.py",
            "my_net.py: expected FILE.py:NAME, found no NAME; the file has Net, make; write --model my_net.py:Net",
        ),
        ("my_net:Net", "--model: expected FILE.py:NAME, found 'my_net:Net'; did you mean 'my_net.py:Net'?"),
        (
            "nb.ipynb:Net",
            "--model: expected FILE.py:NAME, found the notebook 'nb.ipynb:Net'; write its class into a file: "
            "jupyter nbconvert --to script nb.ipynb, then nb.py:Net",
        ),
        ("Net", "--model: expected FILE.py:NAME, found 'Net'; write for example --model my_net.py:Net"),
        ("my_nte.py:Net", "found no such file; did you mean 'my_net.py'?"),
        ("my_net.py:Nte", "my_net.py: expected a class or a function 'Nte', found none; did you mean 'Net'?"),
        ("my_net.py:Xy", "my_net.py: expected a class or a function 'Xy', found none; the file has Net, make"),
        ("folder.py:Net", "folder.py: expected a Python file, found: Is a directory; write for example"),
        ("a\0.py:Net", "expected a Python file, found: embedded null byte"),
        ("guarded.py:Net", 'found none outside of `if __name__ == "__main__":`; move its definition before that line'),
        (
            "loads_last.py:Net",
            "loads_last.py:3: expected nothing but definitions outside of functions and classes, found the training "
            "code `CIFAR10()`, which would run each time the file is read; put the line "
            '`if __name__ == "__main__":` before it, and indent all that follows',
        ),
        (
            "loads_first.py:Net",
            "loads_first.py:1: expected nothing but definitions outside of functions and classes, found the training "
            "code `CIFAR10()`, which would run each time the file is read; move the definition of Net and its imports "
            'above it, then put the line `if __name__ == "__main__":` before it, and indent all that follows',
        ),
        ("broken.py:Net", "broken.py:2:12: expected Python, found: '(' was never closed in the line `if 1: print('a'`"),
        ("latin.py:Net", "latin.py:1"),
        ("zero.py:Net", "zero.py:1: expected Python, found: source code string cannot contain null bytes"),
        ("large.py:Net", "large.py: expected a Python file of at most 1 MiB, found a larger one"),
    ],
)
def test_what_cannot_be_read_is_told_before_anything_runs(word: str, message: str) -> None:
    Path("folder.py").mkdir()
    Path("guarded.py").write_text('if __name__ == "__main__":\n    class Net:\n        pass\n')
    Path("loads_last.py").write_text("class Net:\n    pass\ndata = CIFAR10()\n")
    Path("loads_first.py").write_text("data = CIFAR10()\nclass Net:\n    pass\n")
    Path("broken.py").write_text("open('ran.txt', 'w')\nif 1: print('a'\n")
    Path("latin.py").write_bytes(b"x = '\xe9'\nclass Net: pass\n")
    Path("zero.py").write_bytes(b"class Net: pass\n\0")
    Path("large.py").write_bytes(b"#" * (2**20 + 1))
    with pytest.raises(UsageError) as caught:
        read_own_source(word)
    assert message in str(caught.value)
    assert not Path("ran.txt").exists()


@pytest.mark.parametrize("word", ["my_net.py:Net", "my_net.py", "my_net.py:", "my_net:Net"])
@pytest.mark.parametrize(
    ("before", "answer"),
    [
        (["train"], "write cifar train --model my_net.py:Net"),
        (["train", "--config"], "found a Python file; a network of your own is named by --model my_net.py:Net"),
        (["eval"], "expected a run, found the network '{}'; write --model my_net.py:Net"),
        (["benchmark"], "expected a configuration, found the network '{}'; write --model my_net.py:Net"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_word_that_means_a_network_of_ones_own_is_answered_with_the_option_for_it(
    before: list[str], answer: str, word: str, cifar: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "my_net.py").write_text("from torch import nn\n\nHALF = 2\n\n\nclass Net(nn.Module): ...\n")
    outcome = cifar(*before, word)
    assert outcome.code == 2
    assert answer.format(word) in outcome.err


@pytest.mark.parametrize(
    ("line", "place"),
    [
        ("torch.manual_seed(0)", "my_net.py:5"),
        ("np.random.seed(0)", "my_net.py:5"),
        ("self.draws = torch.Generator().manual_seed(0)", None),
        ("random.shuffle([])", None),
    ],
)
def test_a_network_that_seeds_all_random_numbers_is_found(line: str, place: str | None) -> None:
    Path("my_net.py").write_text(
        f"from torch import nn\n\nclass Net(nn.Module):\n    def __init__(self):\n        {line}\n\n"
        "def seed_for_a_script():\n    torch.manual_seed(0)\n"
    )
    assert read_own_source("my_net.py:Net").place_of_seeding("Net") == place
