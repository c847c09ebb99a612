"""Says how long a training is, and which epochs leave images out."""

from cifar_cli.commands import parts
from cifar_cli.config import Experiment


def epochs_and_steps(training: parts.Training) -> str:
    """Returns for example "9 epochs of 25 to 50 steps"."""
    steps = training.epoch_steps
    each = f"{min(steps):,}" if min(steps) == max(steps) else f"{min(steps):,} to {max(steps):,}"
    return f"{len(steps)} epochs of {each} steps"


def hardest_images(experiment: Experiment) -> str | None:
    """Returns which shares of the images the epochs take, None where all of them take all."""
    shares, epochs = experiment.data.hardest, experiment.train.epochs
    listed = [f"{100 * share:g}" for share in shares[:epochs]]
    if not any(share < 1 for share in shares[:epochs]):
        return None
    rest = " and so on" if len(listed) < epochs else ""
    return (
        f"the epochs take the hardest {', '.join(listed)} %{rest} of the images; training loss and accuracy are theirs"
    )
