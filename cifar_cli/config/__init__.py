"""YAML and overrides into one checked experiment. Never imports torch, so that a mistake is told at once."""

from cifar_cli.config.checks import class_scores_problem, warnings
from cifar_cli.config.dump import dump
from cifar_cli.config.facts import DATASET_FACTS, DatasetFacts
from cifar_cli.config.flow import flow
from cifar_cli.config.layers import Layer
from cifar_cli.config.load import load, load_text
from cifar_cli.config.schema import Experiment, Init
from cifar_cli.config.shapes import LayerShape, walk

__all__ = [
    "DATASET_FACTS",
    "DatasetFacts",
    "Experiment",
    "Init",
    "Layer",
    "LayerShape",
    "class_scores_problem",
    "dump",
    "flow",
    "load",
    "load_text",
    "walk",
    "warnings",
]
