"""The names that other programs give to layers of our networks.

Sources: torchvision and timm (`layer1.0.bn1`, `layer2.0.downsample.0`), github.com/kuangliu/pytorch-cifar
(`layer2.0.shortcut.0`, `linear`), and classes that hold a network as one attribute (`model.conv1`).
"""

import re
from collections.abc import Collection, Iterable, Iterator

OWNERS = ("model", "net", "network", "backbone", "encoder")
BLOCK = r"^layer(\d+)\."
SHORTCUT = r"\b(?:downsample|shortcut)\.([01])\."


def names_here(names: Iterable[str], here: Collection[str]) -> dict[str, str]:
    """Returns for each name in a file the network's name of the same tensor, or the name as it is if none is known.

    here: the network's names. A name that the network has stays as it is, and no two names become one.
    """
    listed = list(names)
    found = {name: name for name in listed if name in here}
    taken = set(found)
    for name in listed:
        if name not in found:
            found[name] = next((own for own in _candidates(name) if own in here and own not in taken), name)
            taken.add(found[name])
    return {name: found[name] for name in listed}


def _candidates(name: str) -> Iterator[str]:
    """Yields what the tensor may be called in a network of ours, or of a person's own."""
    yield from (f"{owner}.{name}" for owner in OWNERS)
    owner, _, inner = name.partition(".")
    for known in (name, inner) if owner in OWNERS else (name,):
        renamed = re.sub(r"\bbn(\d*)\.", r"norm\1.", known)
        renamed = re.sub(r"^linear\.", "fc.", renamed)
        in_resnet18 = re.sub(BLOCK, lambda match: f"stages.{int(match[1]) - 1}.", renamed)
        in_resnet20 = re.sub(BLOCK, r"stage\1.", renamed)
        for staged in (in_resnet18, in_resnet20):
            yield re.sub(SHORTCUT, lambda match: f"shortcut.{('conv', 'norm')[int(match[1])]}.", staged)
            yield re.sub(SHORTCUT, "shortcut.", staged)  # where it is a convolution alone
