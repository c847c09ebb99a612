"""Divides a network's parameters among its layers, in order, for learning rates that differ by depth.

A layer is what timm's and BEiT's layer decay counts: a block where a network has blocks, else a module with weights.
The order is that in which the network's class makes its modules, which nearly always is that of the calls.
"""

from collections.abc import Iterator, Mapping

from torch import nn

CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)


def layers_in_order(model: nn.Module) -> dict[str, list[str]]:
    """Returns the names of the parameters of each layer, by the layer's name, from the input to the head.

    Parameters without a weight matrix of their own, such as those of a BatchNorm, belong to the layer before them; what
    the network itself holds, such as a class token, to the first layer, as in BEiT.
    """
    known = {name for name, _ in model.named_parameters()}  # a shared parameter once
    layers: dict[str, list[str]] = {}
    waiting: list[str] = []  # for the next layer
    for name, names, has_weights in _pieces(model, ""):
        names = [each for each in names if each in known]
        if has_weights and names:
            layers[name] = [*waiting, *names]
            waiting = []
        elif layers and name:
            next(reversed(layers.values())).extend(names)
        else:
            waiting += names
    if waiting:  # no weights at all
        layers.setdefault("", []).extend(waiting)
    return layers


def layer_scales(model: nn.Module, decay: float) -> Mapping[str, float]:
    """Returns for each parameter, by name, decay^(number of layers after its own)."""
    layers = list(layers_in_order(model).values())
    return {name: decay ** (len(layers) - 1 - index) for index, names in enumerate(layers) for name in names}


def _pieces(module: nn.Module, prefix: str) -> Iterator[tuple[str, list[str], bool]]:
    """Yields the parts of a module that is taken apart: name, parameters, and whether there is a weight among them.

    The parameters that it holds itself come first, under no name.
    """
    own = [f"{prefix}{name}" for name, _ in module.named_parameters(recurse=False)]
    children = [(f"{prefix}{name}", child) for name, child in module.named_children() if list(child.parameters())]
    if not children:
        yield prefix.rstrip("."), own, _has_weight(module)
        return
    if own:
        yield "", own, False
    for path, child in children:
        is_only_child = len(children) == 1 and not prefix  # a wrapper
        if is_only_child or _is_taken_apart(child):
            yield from _pieces(child, f"{path}.")
        else:
            names = [f"{path}.{name}" for name, _ in child.named_parameters()]
            yield path, names, any(_has_weight(inner) for inner in child.modules())


def _is_taken_apart(module: nn.Module) -> bool:
    """Returns whether a module consists of several layers: a container of some, or a class with one of blocks."""
    if isinstance(module, CONTAINERS):
        return sum(_count_weights(item) > 0 for item in _items(module)) > 1
    return any(
        sum(_count_weights(item) > 1 for item in _items(inner)) > 1
        for inner in module.modules()
        if isinstance(inner, CONTAINERS)
    )


def _items(container: nn.Module) -> Iterator[nn.Module]:
    """Yields what is in a container and in the containers in it."""
    for child in container.children():
        yield from _items(child) if isinstance(child, CONTAINERS) else [child]


def _count_weights(module: nn.Module) -> int:
    return sum(_has_weight(inner) for inner in module.modules())


def _has_weight(module: nn.Module) -> bool:
    """Returns whether a module itself holds a matrix or a filter bank, not only numbers for each channel."""
    return any(parameter.dim() > 1 for parameter in module.parameters(recurse=False))
