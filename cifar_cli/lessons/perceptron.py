"""Lesson `mlp`: a multilayer perceptron from scratch, and again with torch's layers, with the same results."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from matplotlib.figure import Figure
from torch import Tensor, nn

from cifar_cli.data.datasets.open_dataset import Splits, open_dataset
from cifar_cli.data.download.checksums import MissingFileError
from cifar_cli.data.image_set import ImageSet
from cifar_cli.data.normalize import Normalize
from cifar_cli.figures.curves import curves_figure, plot
from cifar_cli.figures.style import BLUE, ORANGE
from cifar_cli.formatting import percent
from cifar_cli.lessons.blackboard import Blackboard

HIDDEN, BATCH_SIZE, EPOCHS = 256, 256, 5
LR = 0.1  # the tutorial's 100 / 256 = 0.39 is too large for CIFAR-10: the loss explodes within 20 steps
TUTORIAL_LR = 100.0
LONG = 20  # steps, until a learning rate of 0.39 shows on CIFAR-10 that it is too large


@dataclass(frozen=True)
class Epoch:
    """The results of an epoch; loss and train_accuracy are means over its images during training."""

    loss: float
    train_accuracy: float
    test_accuracy: float


def open_images() -> Splits:
    """Returns Fashion-MNIST if its files exist, else CIFAR-10, else synthetic images; downloads nothing."""
    for name in ("fashion_mnist", "cifar10"):
        try:
            return open_dataset(name, download=False)
        except MissingFileError:
            continue
    return open_dataset("synthetic")


def batches(images: ImageSet, normalize: Normalize, *, epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Yields rows of pixels (B, C·H·W) and labels (B,), in an order that depends only on the epoch."""
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(epoch))
    for batch in order.split(BATCH_SIZE):
        yield normalize(images.images[batch]).flatten(start_dim=1), images.labels[batch]


def accuracy(forward: Callable[[Tensor], Tensor], images: ImageSet, normalize: Normalize) -> float:
    """Returns the fraction of images whose largest logit is that of the label."""
    with torch.no_grad():
        correct = [(forward(x).argmax(dim=1) == labels).sum() for x, labels in batches(images, normalize, epoch=0)]
    return int(torch.stack(correct).sum()) / len(images)


# --- from scratch ---------------------------------------------------------------------------------------------------


def relu(x: Tensor) -> Tensor:
    return torch.max(x, torch.tensor(0.0))


def perceptron(x: Tensor, parameters: Sequence[Tensor]) -> Tensor:
    """Returns the logits (B, K) of x (B, I): two matrix products with a ReLU between them."""
    w1, b1, w2, b2 = parameters  # (I, H), (H,), (H, K), (K,)
    hidden = relu(x @ w1 + b1)  # (B, H)
    return hidden @ w2 + b2


def sgd(parameters: Sequence[Tensor], *, lr: float) -> None:
    """Moves each parameter against its gradient, and sets the gradient to zero for the next step."""
    with torch.no_grad():
        for parameter in parameters:
            assert parameter.grad is not None
            parameter -= lr * parameter.grad
            parameter.grad.zero_()


def train_from_scratch(splits: Splits, parameters: Sequence[Tensor]) -> list[Epoch]:
    """Trains with the functions above, and returns the results of each epoch."""
    normalize, epochs = Normalize(splits.mean, splits.std), []
    for epoch in range(EPOCHS):
        loss_sum = correct = 0.0
        for x, labels in batches(splits.train, normalize, epoch=epoch):
            logits = perceptron(x, parameters)
            loss = F.cross_entropy(logits, labels)
            loss.backward()
            sgd(parameters, lr=LR)
            loss_sum += loss.item() * len(labels)
            correct += (logits.argmax(dim=1) == labels).sum().item()
        test = accuracy(lambda x: perceptron(x, parameters), splits.test, normalize)
        epochs.append(Epoch(loss_sum / len(splits.train), correct / len(splits.train), test))
    return epochs


# --- concise --------------------------------------------------------------------------------------------------------


def make_network(inputs: int, classes: int) -> nn.Sequential:
    """Returns Linear, ReLU, Linear; the parameters are normal with mean 0 and deviation 0.01, the same each time."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(inputs, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, classes))
    for parameter in network.parameters():
        nn.init.normal_(parameter, mean=0, std=0.01)
    return network


def train_concise(splits: Splits, network: nn.Module) -> list[Epoch]:
    """Trains with torch's optimizer, and returns the results of each epoch."""
    normalize, epochs = Normalize(splits.mean, splits.std), []
    optimizer = torch.optim.SGD(network.parameters(), lr=LR)
    for epoch in range(EPOCHS):
        loss_sum = correct = 0.0
        for x, labels in batches(splits.train, normalize, epoch=epoch):
            logits = network(x)
            loss = F.cross_entropy(logits, labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            loss_sum += loss.item() * len(labels)
            correct += (logits.argmax(dim=1) == labels).sum().item()
        epochs.append(
            Epoch(loss_sum / len(splits.train), correct / len(splits.train), accuracy(network, splits.test, normalize))
        )
    return epochs


def same_start(network: nn.Sequential) -> list[Tensor]:
    """Returns copies of W1, b1, W2, b2 for the network from scratch, transposed from torch's (outputs, inputs)."""
    w1, b1, w2, b2 = (parameter.detach() for parameter in network.parameters())
    return [number.clone().contiguous().requires_grad_() for number in (w1.T, b1, w2.T, b2)]


# --- a learning rate of 100 ----------------------------------------------------------------------------------------


def first_losses(splits: Splits, parameters: Sequence[Tensor], *, lr: float, steps: int = 5) -> list[float]:
    """Returns the losses of the first steps with the given lr. Changes the parameters."""
    losses = []
    for (x, labels), _ in zip(
        batches(splits.train, Normalize(splits.mean, splits.std), epoch=0), range(steps), strict=False
    ):
        loss = F.cross_entropy(perceptron(x, parameters), labels)
        loss.backward()
        sgd(parameters, lr=lr)
        losses.append(loss.item())
    return losses


def draw(name: str, scratch: list[Epoch], concise: list[Epoch]) -> Figure:
    """Draws losses and accuracies of both networks, epoch by epoch."""
    figure, (left, right) = curves_figure(f"The same perceptron twice, on {name}", panels=2)
    left.set_title("loss", loc="left", fontsize=10)
    plot(left, [epoch.loss for epoch in scratch], label="from scratch", colour=BLUE)
    plot(left, [epoch.loss for epoch in concise], label="concise", colour=ORANGE, dashed=True)
    right.set_title("accuracy on the test images", loc="left", fontsize=10)
    plot(right, [epoch.test_accuracy for epoch in scratch], label="from scratch", colour=BLUE)
    plot(right, [epoch.test_accuracy for epoch in concise], label="concise", colour=ORANGE, dashed=True)
    right.yaxis.set_major_formatter(lambda fraction, _: percent(fraction))
    for axes in (left, right):
        axes.set_xlabel("epoch", fontsize=9)
        axes.set_xticks(range(1, EPOCHS + 1))
        axes.legend(frameon=False, fontsize=9)
    return figure


def run(board: Blackboard) -> None:
    """Trains both networks from the same start, compares them, and explains the tutorial's lr of 100."""
    splits = open_images()
    inputs, classes = splits.train.images[0].numel(), len(splits.train.class_names)

    board.step("The images")
    board.say(
        f"{splits.train.name}: {len(splits.train):,} training images and {len(splits.test):,} test images of "
        f"{inputs} numbers, {classes} classes. The lesson uses the tutorial's Fashion-MNIST if its files exist, else "
        "CIFAR-10."
    )
    if splits.root is None:
        board.trap(
            "neither dataset is here, so these are SYNTHETIC images: the numbers below say nothing about real images. "
            "cifar data fetch downloads CIFAR-10."
        )

    network = make_network(inputs, classes)
    parameters = same_start(network)
    board.step("From scratch")
    board.line("hidden = max(x @ W1 + b1, 0)")
    board.line("logits = hidden @ W2 + b2")
    board.line("parameter -= lr · gradient          for each of W1, b1, W2, b2")
    board.line(
        f"W1 {tuple(parameters[0].shape)}   b1 {tuple(parameters[1].shape)}   "
        f"W2 {tuple(parameters[2].shape)}   b2 {tuple(parameters[3].shape)}"
    )
    board.line(f"all normal, mean 0, standard deviation 0.01; lr {LR:g}, batches of {BATCH_SIZE}")
    scratch = train_from_scratch(splits, parameters)
    print_epochs(board, scratch)

    board.step("Concise, from the same start")
    board.line(f"nn.Sequential(nn.Linear({inputs}, {HIDDEN}), nn.ReLU(), nn.Linear({HIDDEN}, {classes}))")
    concise = train_concise(splits, network)
    print_epochs(board, concise)
    difference = max(abs(one.loss - other.loss) for one, other in zip(scratch, concise, strict=True))
    board.say(
        f"The losses differ by at most {difference:.1e}: nn.Linear adds its bias at another point of the product, "
        "which rounds differently, and rounding errors grow from step to step."
    )

    board.step("The tutorial's learning rate of 100")
    board.line("sgd:  parameter -= lr · gradient / batch_size")
    board.trap(
        "the tutorial's loss is a mean over the batch, and its sgd divides by the batch size again. So its lr of 100 "
        f"is effectively {TUTORIAL_LR:.0f} / {BATCH_SIZE} = {TUTORIAL_LR / BATCH_SIZE:.4f}. "
        "With torch.optim.SGD and an lr of 100 the first losses are:"
    )
    for lr in (TUTORIAL_LR, TUTORIAL_LR / BATCH_SIZE, LR):
        losses = first_losses(splits, same_start(make_network(inputs, classes)), lr=lr)
        board.line(f"lr {lr:<8.4g}" + "".join(f"{loss:>13.4g}" for loss in losses))
    board.right("divide once, in the loss: then lr has the same meaning for every batch size and optimizer.")
    long = first_losses(splits, same_start(make_network(inputs, classes)), lr=TUTORIAL_LR / BATCH_SIZE, steps=LONG)
    board.say(
        f"Five losses prove little. After {LONG} steps with lr {TUTORIAL_LR / BATCH_SIZE:.4f} the loss is "
        f"{long[-1]:.4g} on these images. The tutorial chose that lr for Fashion-MNIST; on CIFAR-10 the loss falls at "
        f"first and then explodes, so this lesson takes {LR:g}."
    )

    board.curve("loss/from_scratch", [epoch.loss for epoch in scratch])
    board.curve("loss/concise", [epoch.loss for epoch in concise])
    board.curve("test_accuracy/from_scratch", [epoch.test_accuracy for epoch in scratch])
    board.curve("test_accuracy/concise", [epoch.test_accuracy for epoch in concise])
    board.picture("mlp", draw(splits.train.name, scratch, concise))
    board.remember(
        "A perceptron is two matrix products with a ReLU between them; torch's layers are the same with less code.",
        "The same start and the same order give the same numbers up to rounding: a good test of your own code.",
        "A strange learning rate is a hint that something is divided twice, or not at all.",
    )


def print_epochs(board: Blackboard, epochs: list[Epoch]) -> None:
    """Prints a line per epoch."""
    board.line(f"{'epoch':>5}{'loss':>10}{'train accuracy':>17}{'test accuracy':>16}")
    for number, epoch in enumerate(epochs, start=1):
        shares = [percent(share, decimals=1) for share in (epoch.train_accuracy, epoch.test_accuracy)]
        board.line(f"{number:>5}{epoch.loss:>10.4f}{shares[0]:>17}{shares[1]:>16}")
