"""Finds layers with weights that a network uses, but has not registered: their weights are not trained or saved."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_pre_hook


def layers_in_containers(model: nn.Module) -> Iterator[tuple[nn.Module, str, str]]:
    """Yields (owner, attribute, kind of container) of each plain list, tuple or dict that holds unregistered layers."""
    registered = set(model.modules())
    for owner in model.modules():
        for attribute, value in vars(owner).items():
            if attribute in ("_modules", "_parameters", "_buffers"):
                continue
            if any(_has_weights(layer) and layer not in registered for layer in _layers(value)):
                yield owner, attribute, type(value).__name__


def loose_tensors(model: nn.Module) -> Iterator[tuple[nn.Module, str]]:
    """Yields (owner, attribute) of each plain tensor that asks for a gradient, as a weight does."""
    for owner in model.modules():
        for attribute, value in vars(owner).items():
            if isinstance(value, Tensor) and value.requires_grad and value.is_leaf:
                yield owner, attribute


@contextmanager
def unregistered_calls(model: nn.Module) -> Iterator[list[nn.Module]]:
    """Yields a list that collects the layers with weights that are called meanwhile and are not the network's."""
    registered, called = set(model.modules()), list[nn.Module]()

    def collect(module: nn.Module, args: object) -> None:
        if module not in registered and _has_weights(module) and module not in called:
            called.append(module)

    hook = register_module_forward_pre_hook(collect)
    try:
        yield called
    finally:
        hook.remove()


def _layers(value: object, depth: int = 3) -> Iterator[nn.Module]:
    if isinstance(value, nn.Module):
        yield value
    elif depth and isinstance(value, list | tuple | set | dict):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _layers(item, depth - 1)


def _has_weights(module: nn.Module) -> bool:
    return any(True for _ in module.parameters()) or any(True for _ in module.buffers())
