"""Comments: read with the paths of their keys, and written at the same keys again."""

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
