"""Says how long a training is, and which epochs leave images out."""

from cifar_cli.builders.build_training import Training
from cifar_cli.config import Experiment


def describe_epochs(training: Training) -> str:
    """Returns for example "9 epochs of 25 to 50 steps"."""
    steps = training.epoch_steps
    each = f"{min(steps):,}" if min(steps) == max(steps) else f"{min(steps):,} to {max(steps):,}"
    return f"{len(steps)} epochs of {each} steps"


def describe_hard_examples(experiment: Experiment) -> str | None:
    """Returns from when on which shares of the images the epochs take, None where all of them take all."""
    shares = experiment.data.hard_example_fractions[: experiment.train.epochs]
    first = next((epoch for epoch, share in enumerate(shares) if share < 1), None)
    if first is None:
        return None
    listed = ", ".join(f"{100 * share:g}" for share in shares[first:])
    rest = ", and so on" if len(shares) < experiment.train.epochs else ""
    where = f"from epoch {first + 1} on only the hardest {listed} % of the images{rest}"
    return f"{where}; training loss and accuracy are theirs"
