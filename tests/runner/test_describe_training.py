"""Sentences about a training before its first step."""

import pytest
import torch

from cifar_cli.config import load_text
from cifar_cli.distributed.process_group import ProcessGroup
from cifar_cli.runner.describe_training import describe_idle_gpus, describe_options
from cifar_cli.training.runtime import CPU, Runtime

GPU = Runtime(torch.device("cuda"), "bf16")


def test_idle_gpus_are_pointed_out() -> None:
    assert describe_idle_gpus(GPU, count=4) == (
        "one of this machine's 4 GPUs is used; for all of them write "
        "torchrun --nproc-per-node 4 -m cifar_cli train in the place of cifar train"
    )


@pytest.mark.parametrize(
    ("runtime", "count"),
    [
        (GPU, 1),
        (Runtime(torch.device("cpu"), "fp32"), 4),
        (Runtime(torch.device("cuda", 0), "bf16", ProcessGroup(rank=0, size=4)), 4),
    ],
)
def test_without_an_idle_gpu_there_is_no_hint(runtime: Runtime, count: int) -> None:
    assert describe_idle_gpus(runtime, count=count) is None


def test_batches_in_parts_are_told_of_and_that_a_gpu_captures_no_graphs_of_them() -> None:
    text = "data: {batch_size: 100}\nmodel: {name: mlp}\ntrain: {micro_batch_size: 30}\n"
    in_parts = load_text(text, location="a test")
    told = "each batch is computed in 4 parts of at most 30 images"
    without_graphs = "steps of several passes are not captured as CUDA graphs"
    assert describe_options(in_parts, CPU) == [told]
    assert describe_options(in_parts, GPU) == [told, without_graphs]
    uncaptured = load_text(text, location="a test", overrides=["train.cuda_graphs=false"])
    assert describe_options(uncaptured, GPU) == [told]
    whole = ["train.micro_batch_size=100"]
    assert describe_options(load_text(text, location="a test", overrides=whole), GPU) == []
    sam = load_text(text, location="a test", overrides=[*whole, "sharpness={name: sam}"])
    assert describe_options(sam, GPU) == ["sharpness sam: each step takes 2 passes", without_graphs]
