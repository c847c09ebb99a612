"""Given weights to begin a training with: which of a file's tensors fit the network, and which do not."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor, nn

from cifar_cli import formatting
from cifar_cli.builders.build_model import build_meta_model
from cifar_cli.builders.weight_names import names_here
from cifar_cli.config import Experiment
from cifar_cli.console.streams import note, warn
from cifar_cli.errors import CheckpointError
from cifar_cli.runs.safetensors_file import read_safetensors, write_safetensors
from cifar_cli.runs.weights_file import read_weights

MOST_NAMES_SHOWN = 12


@dataclass(frozen=True)
class InitialWeights:
    """Tensors that fit a network, by name, and where they are from. sha256: of the file at `path`."""

    path: str
    sha256: str
    tensors: Mapping[str, Tensor]

    @property
    def record(self) -> dict[str, str | int]:
        """What env.json keeps of them."""
        return {"path": self.path, "sha256": self.sha256, "tensors": len(self.tensors)}


def find_initial_weights(path: Path, experiment: Experiment) -> InitialWeights:
    """Returns the weights in a file that fit the experiment's network, and prints what fits and what does not.

    Raises CheckpointError if the file cannot be read, none of its tensors fits a parameter, or one has NaN or infinity.
    """
    in_file, network = read_weights(path), build_meta_model(experiment)
    here = network.state_dict()
    names = names_here(in_file, here)
    given = {names[name]: tensor for name, tensor in in_file.items()}
    fitting = {name: tensor for name, tensor in given.items() if name in here and tensor.shape == here[name].shape}
    misfits = [name for name in given if name in here and name not in fitting]
    absent = [name for name in here if name not in given]
    unused = [name for name in given if name not in here]
    parameters = [name for name, _ in network.named_parameters()]
    trained = [name for name in parameters if name in fitting]
    last = parameters[-1].rpartition(".")[0] if parameters else ""
    if not trained:
        raise CheckpointError(
            f"{path}: expected weights for {experiment.model.label}, found none that fit:\n"
            f"{_listed('in the file', (f'{name} {_shape(given[name])}' for name in given))}"
            f"{_listed('in the network', (f'{name} {_shape(here[name])}' for name in here))}"
            f"take the configuration of the network that the file is from, or rename the layers as in the file"
        )
    if spoilt := [name for name in fitting if not bool(given[name].isfinite().all())]:
        raise CheckpointError(
            f"{path}: expected weights that are numbers, found NaN or infinity in {len(spoilt)} of {len(fitting)} "
            f"tensors:\n{_listed('spoilt', spoilt)}take weights from before the training diverged"
        )
    numbers, total = sum(given[name].numel() for name in trained), sum(it.numel() for it in network.parameters())
    note(f"--from {path}: took {len(fitting)} of {len(here)} tensors, {numbers:,} of {total:,} parameters")
    if renamed := [(theirs, ours) for theirs, ours in names.items() if theirs != ours]:
        theirs, ours = renamed[0]
        note(f"read {formatting.count(len(renamed), 'name')} of another program as ours: {theirs} is {ours} here")
    heads = [
        name for name in misfits if name.rpartition(".")[0] == last and given[name].shape[1:] == here[name].shape[1:]
    ]
    if heads:
        classes = given[heads[0]].shape[0]
        note(
            f"the head ({', '.join(heads)}) is left as drawn: it has scores for {experiment.data.num_classes} classes, "
            f"and in the file for {classes}"
        )
    others = (f"{name} {_shape(given[name])}, here {_shape(here[name])}" for name in misfits if name not in heads)
    left = [
        _listed("of another shape in the file", others),
        _listed("not in the file", (f"{name} {_shape(here[name])}" for name in absent)),
    ]
    if any(left):
        most = ", which is most of the network" if numbers < total / 2 else ""
        warn(f"left as drawn{most}:\n{''.join(left).rstrip()}")
    if unused:
        warn(_listed("in the file only", (f"{name} {_shape(given[name])}" for name in unused)).strip())
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return InitialWeights(str(path.absolute()), digest, fitting)


def copy_into(model: nn.Module, initial: InitialWeights) -> None:
    """Copies the weights into the network; its other tensors keep their values."""
    model.load_state_dict(dict(initial.tensors), strict=False)


def keep_initial_weights(initial: InitialWeights, path: Path) -> None:
    """Writes the weights to a file, from which a group's later seeds begin."""
    write_safetensors(path, initial.tensors, metadata={"path": initial.path, "sha256": initial.sha256})


def kept_initial_weights(path: Path) -> InitialWeights | None:
    """Returns what `keep_initial_weights` wrote, None if there is no such file. Raises CheckpointError."""
    if not path.is_file():
        return None
    tensors, words = read_safetensors(path)
    return InitialWeights(words.get("path", str(path)), words.get("sha256", ""), tensors)


def _shape(tensor: Tensor) -> str:
    return formatting.shape(tensor.shape) or "one number"


def _listed(title: str, entries: Iterable[str]) -> str:
    """Returns the title and the first entries as indented lines; nothing without an entry."""
    listed = list(entries)
    if not listed:
        return ""
    more = len(listed) - MOST_NAMES_SHOWN
    lines = [*listed[:MOST_NAMES_SHOWN], *([f"and {more} more"] if more > 0 else [])]
    return f"  {title}:\n" + "".join(f"    {line}\n" for line in lines)
