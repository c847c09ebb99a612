"""Parses YAML and overrides into one checked experiment. Imports no torch, so that mistakes are reported at once."""

from cifar_cli.config.checks import class_scores_issue, last_layer_warning, warnings
from cifar_cli.config.dump import dump
from cifar_cli.config.layers.shapes.infer_shapes import LayerShape, infer_shapes
from cifar_cli.config.load import load, load_text
from cifar_cli.config.schema import Experiment
from cifar_cli.config.sections import InitKeys
from cifar_cli.config.yaml.flow import to_flow_yaml
from cifar_cli.models.layer import Layer

__all__ = [
    "Experiment",
    "InitKeys",
    "Layer",
    "LayerShape",
    "class_scores_issue",
    "dump",
    "infer_shapes",
    "last_layer_warning",
    "load",
    "load_text",
    "to_flow_yaml",
    "warnings",
]
