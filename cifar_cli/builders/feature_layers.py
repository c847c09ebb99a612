"""The layers that an experiment names for pictures, `log.feature_layers`, held against the layers of its network."""

from collections.abc import Callable

from torch import nn

from cifar_cli.analysis.capture import find_layer, first_layer, layer_names
from cifar_cli.builders.build_model import build_meta_model
from cifar_cli.builders.check_own_model import check_own_model
from cifar_cli.config import Experiment
from cifar_cli.console.streams import warn
from cifar_cli.errors import UsageError
from cifar_cli.shell import shell_command


def without_unknown_feature_layers(experiment: Experiment, *, warn: Callable[[str], object] = warn) -> Experiment:
    """Returns the experiment without the feature layers that only the configuration's own network has; says so.

    For an experiment whose network is not the one that the configuration was written for. Raises UsageError as
    `check_own_model` does.
    """
    if experiment.model.is_own:
        check_own_model(experiment)
    model = build_meta_model(experiment)
    known, wanted = layer_names(model), experiment.log.feature_layers
    missing = [layer for layer in wanted if layer not in known]
    if not missing:
        return experiment
    mend = f"; for pictures of a layer of your network, write {example}" if (example := _example(model)) else ""
    warn(f"log.feature_layers: {', '.join(missing)}: no such layer in {experiment.model.label}, so left out{mend}")
    log = experiment.log.model_copy(update={"feature_layers": tuple(layer for layer in wanted if layer in known)})
    return experiment.model_copy(update={"log": log})


def check_feature_layers(experiment: Experiment, model: nn.Module) -> None:
    """Raises UsageError for a feature layer that the network does not have."""
    for layer in experiment.log.feature_layers:
        try:
            find_layer(model, layer)
        except UsageError as error:
            mend = f"; write for example {example}" if (example := _example(model)) else ""
            raise UsageError(f"log.feature_layers: {error}{mend}") from None


def _example(model: nn.Module) -> str:
    """Returns the word that names the network's first layer, empty for a network without layers."""
    first = first_layer(model)
    return shell_command(f"log.feature_layers=[{first}]") if first else ""
