"""Values as YAML on one line, which can be typed as overrides."""

import pytest
import yaml

from cifar_cli.config.yaml.flow import to_flow_yaml


@pytest.mark.parametrize(
    "value",
    [
        "gelu",
        "*.bias",
        "no",
        "3",
        "a, b",
        "",
        3,
        1e-8,
        0.5,
        True,
        None,
        [1, "*"],
        {"name": "sgd", "no": ["a b"]},
    ],
    ids=repr,
)
def test_yaml_reads_the_same_value_again(value: object) -> None:
    assert yaml.safe_load(f"[{to_flow_yaml(value)}]") == [value]


def test_a_plain_word_needs_no_quotes() -> None:
    assert to_flow_yaml(["gelu", "layers/conv1", "*.bias"]) == '[gelu, layers/conv1, "*.bias"]'
