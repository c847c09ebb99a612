"""The loop held against training loops written by hand, and its messages when it stops early."""

import signal
from collections.abc import Callable
from dataclasses import replace
from itertools import chain
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cifar_cli.data.batch import Batch
from cifar_cli.data.transforms.flip import random_flip
from cifar_cli.data.transforms.translate import Translate
from cifar_cli.errors import DivergedError, StoppedError
from cifar_cli.training import loop
from cifar_cli.training.evaluation import Evaluation
from cifar_cli.training.graceful_shutdown import ShutdownRequest
from cifar_cli.training.loop import fit
from cifar_cli.training.observer import Observer
from cifar_cli.training.state import TrainingState

Make = Callable[..., Any]  # the fixture tiny_training of conftest.py, which no file can import a type from


def indices_by_hand(training: Any, *, epoch: int) -> list[Tensor]:
    """Returns the indices of each batch of an epoch."""
    sampler = training.task.loader.batch_sampler
    sampler.set_epoch(epoch)
    return list(sampler)


def batches_by_hand(images: Tensor, labels: Tensor, training: Any, *, epoch: int) -> list[tuple[Tensor, Tensor]]:
    return [(images[indices], labels[indices]) for indices in indices_by_hand(training, epoch=epoch)]


def sgd_by_hand(model: nn.Module, *, momentum: float = 0.0) -> torch.optim.SGD:
    """Returns the optimizer of tiny_training, parameter by parameter."""
    decayed = [model.conv.weight, model.fc.weight]
    exempt = [model.conv.bias, model.norm.weight, model.norm.bias, model.fc.bias]
    groups = [{"params": decayed, "weight_decay": 0.01}, {"params": exempt}]
    return torch.optim.SGD(groups, lr=0.05, momentum=momentum, fused=True)


def assert_same_weights(model: nn.Module, expected: nn.Module) -> None:
    found = model.state_dict()
    assert found.keys() == expected.state_dict().keys()
    for key, value in expected.state_dict().items():
        assert torch.equal(found[key], value), key


def test_two_epochs_equal_a_loop_written_by_hand_bit_for_bit(tiny_training: Make) -> None:
    training = tiny_training(optimizer_arguments={"momentum": 0.9}, validated=False)
    fit(training.state, training.task, runtime=training.runtime)

    twin = tiny_training()  # for its network and its order of images; seeds the global generator that dropout uses
    model, images, labels = twin.state.model, twin.images.images, twin.images.labels
    optimizer = sgd_by_hand(model, momentum=0.9)
    generator = torch.Generator().manual_seed(0)
    model.train()
    for epoch in range(2):
        for batch, targets in batches_by_hand(images, labels, twin, epoch=epoch):
            augmented = Translate(2)(random_flip(Batch(batch, targets, targets), generator), generator)
            optimizer.zero_grad()
            loss = F.cross_entropy(model(augmented.images.float() / 255), targets)
            loss.backward()
            optimizer.step()

    assert_same_weights(training.state.model, model)


def test_class_probabilities_as_targets_train_as_a_loop_written_by_hand_bit_for_bit(
    tiny_training: Make, recorder: Any
) -> None:
    def mix(images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Mixes each image with the next one of the batch, as mixup does: inputs float, targets float (B, K)."""
        inputs, targets = images.float() / 255, F.one_hot(labels, 4).float()
        return 0.7 * inputs + 0.3 * inputs.roll(1, 0), 0.7 * targets + 0.3 * targets.roll(1, 0)

    def transform(batch: Batch, generator: torch.Generator) -> Batch:
        inputs, targets = mix(batch.images, batch.targets)
        return replace(batch, images=inputs, targets=targets)

    training = tiny_training(hard_examples=(1,), validated=False)
    task = replace(training.task, transform=transform)
    fit(training.state, task, runtime=training.runtime, observers=[recorder])

    twin = tiny_training()
    model, optimizer = twin.state.model, sgd_by_hand(twin.state.model)
    image_losses = torch.zeros(24)
    model.train()
    for epoch in range(2):
        correct, losses = 0, []
        for indices in indices_by_hand(twin, epoch=epoch):
            inputs, targets = mix(twin.images.images[indices], twin.images.labels[indices])
            logits = model(inputs)
            each = -(targets * F.log_softmax(logits, dim=1)).sum(dim=1)
            optimizer.zero_grad()
            F.cross_entropy(logits, targets).backward()
            optimizer.step()
            image_losses[indices] = each.detach()
            losses += each.tolist()
            # The most probable class of a target is the image's own: its part is 0.7.
            correct += int((logits.argmax(dim=1) == twin.images.labels[indices]).sum())
        report = recorder.reports[epoch]
        assert report.train_loss == pytest.approx(sum(losses) / 24, rel=1e-6)
        assert report.train_accuracy == correct / 24

    assert_same_weights(training.state.model, model)
    torch.testing.assert_close(training.state.hard_examples.losses, image_losses)


@pytest.mark.parametrize("clip_grad_norm", [None, 0.01], ids=["unclipped", "clipped"])
def test_a_group_whose_epochs_are_over_gets_no_gradients_and_the_others_train_as_before(
    tiny_training: Make, clip_grad_norm: float | None
) -> None:
    freezing, other = (
        tiny_training(optimizer="muon", clip_grad_norm=clip_grad_norm, epochs=3, validated=False) for _ in range(2)
    )
    torch.manual_seed(0)  # for dropout
    fit(freezing.state, freezing.task, runtime=freezing.runtime)
    # A network that is called through another function, as a compiled one is, has all its gradients to the end.
    network = other.state.model
    torch.manual_seed(0)
    fit(other.state, replace(other.task, forward=lambda images: network(images)), runtime=other.runtime)

    without_gradient = {name for name, parameter in freezing.state.model.named_parameters() if parameter.grad is None}
    assert without_gradient == {"conv.bias", "norm.weight", "norm.bias", "fc.bias"}
    assert all(parameter.grad is not None for parameter in network.parameters())
    assert_same_weights(freezing.state.model, network)


def test_the_loss_kept_for_each_image_is_its_own_loss_in_its_last_step(tiny_training: Make) -> None:
    training = tiny_training(hard_examples=(1, 0.5), validated=False)
    batches: list[Batch] = []
    trained_on: list[list[int]] = []
    expected = torch.zeros(24)

    def forward(images: Tensor) -> Tensor:
        logits: Tensor = training.state.model(images).bfloat16()  # in which most losses would be equal
        indices = batches[-1].indices
        log_probabilities = F.log_softmax(logits.detach().float(), dim=1)
        expected[indices] = -log_probabilities[range(len(indices)), training.images.labels[indices]]
        trained_on.append(indices.tolist())
        return logits

    def transform(batch: Batch, generator: torch.Generator) -> Batch:
        batches.append(batch)
        return training.task.transform(batch, generator)

    fit(training.state, replace(training.task, forward=forward, transform=transform), runtime=training.runtime)
    torch.testing.assert_close(training.state.hard_examples.losses, expected)
    first, second = set(chain(*trained_on[:4])), set(chain(*trained_on[4:]))
    assert [len(indices) for indices in trained_on] == [7, 7, 7, 3, 7, 5]
    assert first == set(range(24))
    assert len(second) == 12


def test_an_epochs_report_sums_over_its_images_and_divides_once(tiny_training: Make, recorder: Any) -> None:
    training = tiny_training(epochs=1, schedule="step", schedule_arguments={"every_epochs": 1, "gamma": 0.5})
    step_logits: list[Tensor] = []
    training.state.model.register_forward_hook(
        lambda module, args, logits: step_logits.append(logits.detach()) if module.training else None
    )
    evaluations: list[Evaluation] = []
    validate = training.task.validate
    task = replace(training.task, validate=lambda: evaluations.append(validate()) or evaluations[-1])
    fit(training.state, task, runtime=training.runtime, observers=[recorder])

    logits = torch.cat(step_logits).double()  # (24, 4), of batches of 7, 7, 7 and 3
    batches = batches_by_hand(training.images.images, training.images.labels, training, epoch=0)
    labels = torch.cat([labels for _, labels in batches])
    (report,) = recorder.reports
    assert report.train_loss == pytest.approx(F.cross_entropy(logits, labels).item(), rel=1e-6)
    assert report.train_accuracy == int((logits.argmax(dim=1) == labels).sum()) / 24
    assert (report.val_loss, report.val_accuracy) == (evaluations[0].loss, evaluations[0].accuracy)
    assert (report.epoch, report.step, report.lr) == (1, 4, 0.05)
    assert report.images_per_second == pytest.approx(24 / report.seconds)


class SlowToCompile:
    """A GraphCache on a clock: a step takes a second, and the first of all another ten for its compilation."""

    def __init__(self) -> None:
        self.now = self.compile_seconds = 0.0

    def take(self, step: Any, images: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        if not self.compile_seconds:
            self.now = self.compile_seconds = 10.0
        self.now += 1.0
        taken: tuple[Tensor, Tensor] = step(images, targets)
        return taken


def test_an_epochs_time_begins_with_the_initialization_and_leaves_out_compiling(
    tiny_training: Make, recorder: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    training, cache = tiny_training(), SlowToCompile()
    monkeypatch.setattr(loop, "time", SimpleNamespace(perf_counter=lambda: cache.now))
    training.state.totals.seconds = 0.5  # of the initialization
    task = replace(training.task, graph_cache=cache)
    fit(training.state, task, runtime=training.runtime, observers=[recorder])
    assert [report.seconds for report in recorder.reports] == [4.5, 4.0]
    assert [report.images_per_second for report in recorder.reports] == [24 / 4.5, 24 / 4.0]


def test_observers_are_called_for_every_step_and_epoch_in_order(tiny_training: Make, recorder: Any) -> None:
    training = tiny_training()
    fit(training.state, training.task, runtime=training.runtime, observers=[recorder])
    first, second = [f"step {step}" for step in (1, 2, 3, 4)], [f"step {step}" for step in (5, 6, 7, 8)]
    assert recorder.events == ["started", *first, "epoch 1", *second, "epoch 2"]


def test_the_best_epoch_is_the_first_of_the_highest_validation_accuracy(tiny_training: Make) -> None:
    training = tiny_training(epochs=4)
    accuracies = iter([0.25, 0.5, 0.5, 0.375])
    confusion = torch.zeros(4, 4, dtype=torch.int64)
    task = replace(
        training.task, validate=lambda: Evaluation(1.0, 1.0, next(accuracies), 8, confusion, torch.zeros(8, 4))
    )
    fit(training.state, task, runtime=training.runtime)
    assert (training.state.progress.best_epoch, training.state.progress.best_val_accuracy) == (2, 0.5)


def test_without_validation_images_no_epoch_is_the_best(tiny_training: Make, recorder: Any) -> None:
    training = tiny_training(validated=False)
    fit(training.state, training.task, runtime=training.runtime, observers=[recorder])
    assert training.state.progress.best_epoch is None
    assert [(report.val_loss, report.val_accuracy) for report in recorder.reports] == [(None, None)] * 2


def test_a_network_in_eval_mode_is_trained_in_training_mode(tiny_training: Make) -> None:
    training, other = tiny_training(), tiny_training()
    training.state.model.eval()
    for each in (training, other):
        torch.manual_seed(3)
        fit(each.state, each.task, runtime=each.runtime)
    assert torch.equal(training.state.model.norm.running_mean, other.state.model.norm.running_mean)
    assert torch.equal(training.state.model.fc.weight, other.state.model.fc.weight)


def test_augmentation_draws_from_its_own_generator_and_dropout_does_not(tiny_training: Make) -> None:
    training = tiny_training()
    generator = training.state.augment_generator
    generators: list[torch.Generator] = []
    transform = training.task.transform

    def recorded(batch: Batch, generator: torch.Generator) -> Batch:
        before = torch.get_rng_state()
        generators.append(generator)
        augmented = transform(batch, generator)
        assert torch.equal(torch.get_rng_state(), before)
        return augmented

    start = generator.get_state()
    fit(training.state, replace(training.task, transform=recorded), runtime=training.runtime)
    assert generators == [generator] * 8
    assert not torch.equal(generator.get_state(), start)


@pytest.mark.parametrize("validated", [True, False])  # the validation would find it too
def test_a_loss_that_is_not_finite_ends_the_training_with_advice(
    tiny_training: Make, recorder: Any, validated: bool
) -> None:
    training = tiny_training(schedule="cosine", epochs=1, validated=validated)
    with torch.no_grad():
        training.state.model.fc.weight.fill_(torch.nan)
    with pytest.raises(DivergedError) as caught:
        fit(training.state, training.task, runtime=training.runtime, observers=[recorder])
    # Not a tenth of the learning rate that the cosine has come down to, which is 0.
    assert str(caught.value) == (
        "epoch 1, before step 5: expected a finite loss, found nan with optimizer.lr=0.05; the training diverged. "
        "Try optimizer.lr=0.005, and a tenth of that if it diverges again; train.clip_grad_norm=1 or a longer "
        "warm-up help where only the first steps are too large"
    )
    assert caught.value.exit_code == 1
    assert recorder.reports == []


def test_a_diverged_epoch_is_left_before_its_end(tiny_training: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "STEPS_BETWEEN_LOSS_CHECKS", 2)
    training = tiny_training()
    task = replace(training.task, loss=lambda logits, labels, reduction="mean": logits.sum() * torch.inf)
    with pytest.raises(DivergedError, match=r"^epoch 1, before step 3: expected a finite loss, found (inf|-inf|nan) "):
        fit(training.state, task, runtime=training.runtime)


def test_a_validation_loss_that_is_not_finite_ends_the_training_before_its_report(
    tiny_training: Make, recorder: Any
) -> None:
    training = tiny_training()
    broken = Evaluation(
        loss=float("inf"),
        cross_entropy=float("inf"),
        accuracy=0.25,
        images=8,
        confusion=torch.zeros(4, 4, dtype=torch.int64),
        logits=torch.zeros(8, 4),
    )
    task = replace(training.task, validate=lambda: broken)
    with pytest.raises(DivergedError, match=r"^epoch 1, before step 5: expected a finite loss, found inf with "):
        fit(training.state, task, runtime=training.runtime, observers=[recorder])
    assert recorder.reports == []
    assert (training.state.progress.epoch, training.state.progress.best_epoch) == (0, None)


class StopAt(Observer):
    """Asks for a shutdown after a step, as a signal does."""

    def __init__(self, step: int, signal_number: int = signal.SIGINT) -> None:
        self.step = step
        self.signal_number = signal_number
        self.request = ShutdownRequest()

    def step_ended(self, state: TrainingState) -> None:
        if state.progress.step == self.step:
            self.request.signal_number = self.signal_number


@pytest.mark.parametrize(("signal_number", "exit_code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_shutdown_request_is_fulfilled_after_the_step_and_observers_are_called_first(
    tiny_training: Make, recorder: Any, signal_number: int, exit_code: int
) -> None:
    training = tiny_training()
    stop = StopAt(6, signal_number)
    with pytest.raises(StoppedError) as caught:
        fit(
            training.state,
            training.task,
            runtime=training.runtime,
            observers=[stop, recorder],
            shutdown=stop.request,
        )
    assert str(caught.value) == "stopped in epoch 2, after step 6"
    assert caught.value.exit_code == exit_code
    assert recorder.events[-3:] == ["step 5", "step 6", "stopped"]


def test_a_signal_during_the_last_validation_stops_the_training_after_that_epoch(
    tiny_training: Make, recorder: Any
) -> None:
    training = tiny_training(epochs=1)
    stop = ShutdownRequest()
    validate = training.task.validate

    def validate_and_receive_signal() -> Evaluation:
        stop.signal_number = signal.SIGTERM
        return validate()

    task = replace(training.task, validate=validate_and_receive_signal)
    with pytest.raises(StoppedError) as caught:
        fit(training.state, task, runtime=training.runtime, observers=[recorder], shutdown=stop)
    assert str(caught.value) == "stopped after epoch 1"
    assert caught.value.exit_code == 128 + signal.SIGTERM
    assert recorder.events[-2:] == ["epoch 1", "stopped"]
