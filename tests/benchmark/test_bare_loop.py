"""The bare loop trains as `cifar train` does: the loops differ in bookkeeping only."""

from collections.abc import Callable
from typing import Any

import torch

from cifar_cli.benchmark.bare_loop import bare_loop
from cifar_cli.training.graceful_shutdown import ShutdownRequest
from cifar_cli.training.loop import train_epoch


def test_the_bare_loop_gives_the_same_weights_to_the_bit_on_the_same_batches(tiny_training: Callable[..., Any]) -> None:
    chosen = {"schedule": "cosine", "average": "lookahead", "average_arguments": {"every_steps": 2, "decay": 0.5}}
    ours = tiny_training(**chosen)
    order = torch.cat(list(ours.task.loader.batch_sampler))
    train_epoch(ours.state, ours.task, runtime=ours.runtime, observers=(), shutdown=ShutdownRequest())

    bare = tiny_training(**chosen)  # seeds torch again, which dropout draws from
    state = bare.state
    before = [parameter.clone() for parameter in state.model.parameters()]
    bare_loop(
        bare.images.images,
        bare.images.labels,
        order=order,
        batch_size=7,
        steps=4,  # 24 images: the last has 3
        transform=bare.task.transform,
        epoch=0,
        generator=state.augment_generator,
        forward=state.model,
        loss_fn=bare.task.loss,
        optimizer=state.optimizer,
        scheduler=state.scheduler,
        scaler=state.scaler,
        autocast=bare.runtime.autocast,
        average=state.average.step_ended,
    )
    for mine, other, old in zip(ours.state.model.parameters(), state.model.parameters(), before, strict=True):
        assert torch.equal(mine, other)
        assert not torch.equal(old, other)
