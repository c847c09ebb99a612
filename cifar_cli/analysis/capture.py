"""Finds a layer by its name and captures its input and output."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from cifar_cli.errors import UsageError, did_you_mean
from cifar_cli.models.eval_mode import eval_mode

LISTED_LAYERS = 24  # an error names at most this many layers: more would push the message off the screen


@dataclass(frozen=True)
class LayerView:
    """The input and output of one layer for one batch.

    input, output: (B, ...), copies, which a later in-place layer cannot change; reads_images: the input is the model's
    own input, value for value.
    """

    name: str
    module: nn.Module
    input: Tensor
    output: Tensor
    reads_images: bool

    @property
    def is_channelwise(self) -> bool:
        """Whether each map of the output comes from the map of the input with the same number, as in a pooling.

        A layer with a weight matrix mixes channels.
        """
        mixes = any(parameter.dim() > 1 for parameter in self.module.parameters())
        before, after = as_maps(self.input), as_maps(self.output)
        is_map = before is not None and after is not None and self.input.dim() == self.output.dim() == 4
        return is_map and not mixes and self.input.shape[1] == self.output.shape[1]


def layer_names(model: nn.Module) -> dict[str, str]:
    """Returns the type of every layer by its dotted name, in the order of definition, without the model itself."""
    return {name: type(module).__name__ for name, module in model.named_modules() if name}


def first_layer(model: nn.Module) -> str | None:
    """Returns the name of the first convolution or linear layer, or else of the first layer, None if there is none."""
    names = [name for name, module in model.named_modules() if name and isinstance(module, nn.Conv2d | nn.Linear)]
    return next(iter(names or layer_names(model)), None)


def find_layer(model: nn.Module, name: str, *, source: str = "") -> nn.Module:
    """Returns the layer with this dotted name. Raises UsageError, which lists the names, if there is none.

    source: where the network is from, for the error where a person has named none and it may be another than meant.
    """
    names = layer_names(model)
    if name not in names:
        listed = [f"{known} ({kind})" for known, kind in names.items()]
        more = len(listed) - LISTED_LAYERS
        rest = f", … and {more} more" if more > 0 else ""
        hint = did_you_mean(name, names).removesuffix("?")
        ending = "? The layers are: " if hint else ". The layers are: "
        where = f" in {source}" if source else ""
        raise UsageError(f"no layer '{name}'{where}{hint}{ending}{', '.join(listed[:LISTED_LAYERS])}{rest}")
    return model.get_submodule(name)


def capture(model: nn.Module, images: Tensor, *, layer: str) -> LayerView:
    """Returns a layer's view of images (B, C, H, W): the model runs once, in eval mode and without gradients.

    A layer that is called several times is captured at its first call. Afterwards the model is unchanged: its hooks are
    removed, and every module is in its own training mode. Raises UsageError for an unknown layer, for a layer that the
    model never calls, and for a layer that does not take a tensor and return a tensor.
    """
    return capture_views(model, images, layers=[layer])[layer]


def capture_many(model: nn.Module, images: Tensor, *, layers: Sequence[str]) -> dict[str, Tensor]:
    """Returns the output (B, ...) of each of these layers by name; runs the model once, as `capture` does."""
    return {name: view.output for name, view in capture_views(model, images, layers=layers).items()}


def capture_views(model: nn.Module, images: Tensor, *, layers: Sequence[str]) -> dict[str, LayerView]:
    """Returns the view of each of these layers by name; runs the model once, as `capture` does."""
    modules = {name: find_layer(model, name) for name in layers}
    inputs: dict[str, Tensor] = {}
    outputs: dict[str, Tensor] = {}
    hooks = [_keep_input(module, name, inputs) for name, module in modules.items()]
    hooks += [_keep_output(module, name, outputs) for name, module in modules.items()]
    run_with_hooks(model, images, hooks)
    for name, module in modules.items():
        _check_called(name, module, outputs)
    return {
        name: LayerView(name, module, inputs[name], outputs[name], reads_images=_same(inputs[name], images))
        for name, module in modules.items()
    }


def run_with_hooks(model: nn.Module, images: Tensor, hooks: Sequence[RemovableHandle]) -> Tensor:
    """Runs the model once, in eval mode and without gradients; removes the hooks; returns the model's output."""
    try:
        with eval_mode(model), torch.no_grad():
            output: Tensor = model(images)
    finally:
        for hook in hooks:
            hook.remove()
    return output


def _keep_input(module: nn.Module, name: str, inputs: dict[str, Tensor]) -> RemovableHandle:
    def hook(module: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        tensors = [value for value in (*args, *kwargs.values()) if isinstance(value, Tensor)]
        if not tensors:
            raise UsageError(f"layer '{name}' ({type(module).__name__}) takes no tensor, so it cannot be drawn")
        inputs.setdefault(name, tensors[0].detach().clone())  # cloned before an in-place layer overwrites it

    return module.register_forward_pre_hook(hook, with_kwargs=True)


def _keep_output(module: nn.Module, name: str, outputs: dict[str, Tensor]) -> RemovableHandle:
    def hook(module: nn.Module, args: tuple[Any, ...], output: object) -> None:
        if not isinstance(output, Tensor):
            raise UsageError(
                f"layer '{name}' ({type(module).__name__}) gives a {type(output).__name__}, not a tensor; "
                "only layers that give one tensor can be drawn"
            )
        outputs.setdefault(name, output.detach().clone())  # cloned before the next layer changes it in place

    return module.register_forward_hook(hook)


def _check_called(name: str, module: nn.Module, outputs: Mapping[str, Tensor]) -> None:
    if name in outputs:
        return
    inside = ", ".join(f"{name}.{child}" for child, _ in module.named_children())
    mend = f"; look at what it holds: {inside}" if inside else "; choose a layer that the forward pass goes through"
    raise UsageError(f"layer '{name}' ({type(module).__name__}) is never called when the model runs{mend}")


def _same(layer_input: Tensor, images: Tensor) -> bool:
    return layer_input.shape == images.shape and torch.equal(layer_input.to(images), images)


def as_maps(tensor: Tensor) -> Tensor | None:
    """Returns a layer's input or output as feature maps (B, C, H, W); None for a vector per image.

    A (B, T, D) tensor is one map per image. Maps of a single pixel count as vectors.
    """
    maps = tensor[:, None] if tensor.dim() == 3 else tensor
    return maps if maps.dim() == 4 and maps.shape[2] * maps.shape[3] > 1 else None
