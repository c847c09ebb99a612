"""Comments: read with the paths of their keys, and written at the same keys again."""

from cifar_cli.config import dump, load_text
from cifar_cli.config.yaml.comments import read_comments

COMMENTED = """\
# What it is.
# How to run it.
seed: 3  # beside a value
# above a section
# in two lines
model:   # beside a section
  # above a key
  layers:
    - conv: {type: Conv2d, out_channels: 2, kernel_size: 3} # beside a layer
    # above a layer
    - relu: ReLU
data: {root: "a # b", batch_size: 32} # beside a section on one line
"""


def test_comments_are_read_with_the_paths_of_their_keys() -> None:
    comments = read_comments(COMMENTED)
    assert comments.header == ["# What it is.", "# How to run it."]
    assert comments.above == {
        ("model",): ["# above a section", "# in two lines"],
        ("model", "layers"): ["# above a key"],
        ("model", "layers", 1, "relu"): ["# above a layer"],
    }
    assert comments.beside == {
        ("seed",): "# beside a value",
        ("model",): "# beside a section",
        ("model", "layers", 0, "conv"): "# beside a layer",
        ("data",): "# beside a section on one line",
    }


def test_comments_stay_with_their_keys() -> None:
    experiment = load_text(COMMENTED, location="x.yaml")
    text = dump(experiment, comments=read_comments(COMMENTED))
    assert load_text(text, location="x.yaml") == experiment
    assert text.startswith("# What it is.\n# How to run it.\n\nname: experiment\nseed: 3  # beside a value\n")
    assert "data:  # beside a section on one line\n  name: cifar10\n" in text
    assert "# above a section\n# in two lines\nmodel:  # beside a section\n  name: sequential\n" in text
    assert "  # above a key\n  layers:\n" in text
    assert "kernel_size: 3}  # beside a layer\n    # above a layer\n    - relu: ReLU\n" in text
    assert '  root: "a # b"\n' in text
