"""Writes the page of the networks, docs/zoo.md: the paper, the parameters and the FLOPs of each, and their recipes.

`python -m cifar_cli.inspection.model_zoo > cifar_cli/docs/zoo.md` brings the page up to date. All of it comes from the
entries of the table of models, from the networks themselves, built without memory for weights, and from the run folders
that recipe_results.py has read.
"""

import inspect
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from cifar_cli import formatting
from cifar_cli.builders.build_model import build_meta_model
from cifar_cli.config import load_text
from cifar_cli.inspection.recipe_results import RecipeResult, read_results, recipes
from cifar_cli.models.model_keys import ModelKeys
from cifar_cli.models.table import MODELS

HEAD = """\
# The networks

Every network that `model.name` can choose: its paper, its parameters, its FLOPs.

Each stands in one file of `cifar_cli/models/`, written from the paper for small images. Its keys, such as `width` and
`dropout`, are on the page [keys](keys.md). Nothing is downloaded: the weights are random until they are trained.

```bash
cifar explain --config cnn 'model={name: resnet18}'            # layer by layer
cifar config show cnn 'model={name: vit_tiny}'                 # all keys and their defaults
cifar train --config cnn 'model={name: resnet18, width: 16}' 'log.feature_layers=[conv1]'   # a narrower one
```

`log.feature_layers` names layers of the network for TensorBoard. Without it, layers that only the configuration's own
network has are left out, with a warning.

| name | what it is | paper | parameters | FLOPs | sides |
| --- | --- | --- | --- | --- | --- |
"""

FOOT = """
Parameters and FLOPs are those of ten classes and one image of 3×32×32; a multiplication and an addition are two FLOPs.
The page is generated from the program. In its tests, the parameters equal the published ones, and where torchvision
has the network, the same weights give the same outputs. `sequential`, which lists layers of your own, is on the page
[configuration](configuration.md).

*Sides* are those of the images that a network takes, in pixels. A network for any side can be trained on another size
in each epoch (`data.augment.sizes`); the others are built for the size of the dataset's images.

`repvgg_a0` is trained with three branches in each block. `cifar export --to onnx` and `--to torch.export` write its
re-parameterised form, one 3×3 convolution for each block, which gives the same outputs.
"""

RECIPES = """
## Recipes

Configurations that train a network of the table to the accuracy that papers state, or beyond, by
`cifar train --config RECIPE`. The tested epoch is the best on held-out images; then the test set is read once. *Plain*
is one look at each image, without test-time augmentation.

| recipe | network | test accuracy | of each seed | plain | training | where |
| --- | --- | --- | --- | --- | --- | --- |
"""


def model_zoo(table: Mapping[str, type[ModelKeys]] = MODELS) -> str:
    """Returns the page as Markdown."""
    rows = [_row(name, keys) for name, keys in table.items() if not (keys.lists_layers or keys.is_own)]
    results = read_results()
    recipe_rows = [_recipe_row(recipe, results.get(recipe, [])) for recipe in recipes()]
    return HEAD + "\n".join(rows) + "\n" + FOOT + RECIPES + "\n".join(recipe_rows) + "\n"


def _row(name: str, keys: type[ModelKeys]) -> str:
    parameters, flops = _counts(name)
    assert keys.__doc__, name
    words = inspect.cleandoc(keys.__doc__).partition("\n\n")[0]
    cells = (
        f"`{name}`",
        " ".join(words.split()),
        keys.paper or "–",
        f"{parameters:,}",
        formatting.si(flops),
        _sides(keys(name=name)),
    )
    return f"| {' | '.join(cells)} |"


def _recipe_row(recipe: str, results: Sequence[RecipeResult]) -> str:
    network = f"`{recipe.rpartition('/')[2]}`"
    if not results:
        return f"| `{recipe}` | {network} | not measured | | | | |"
    seeds = ", ".join(formatting.percent(result.test_accuracy, decimals=2) for result in results)
    machines = dict.fromkeys(f"{result.processor}, {result.device}, {result.precision}" for result in results)
    days = dict.fromkeys(result.measured for result in results)
    cells = (
        f"`{recipe}`",
        network,
        formatting.percent(fmean(result.test_accuracy for result in results), decimals=2),
        seeds,
        formatting.percent(fmean(result.plain_accuracy for result in results), decimals=2),
        f"{fmean(result.train_seconds for result in results):.0f} s",
        f"{'; '.join(machines)}; {', '.join(days)}",
    )
    return f"| {' | '.join(cells)} |"


def _counts(name: str) -> tuple[int, int]:
    """Returns the parameters of a network, and the FLOPs for one image of CIFAR-10."""
    experiment = load_text(f"model: {{name: {name}}}\n", location=name)
    model = build_meta_model(experiment).eval()
    image = torch.empty(1, *experiment.data.image_shape, device="meta")
    with _FlopCounter() as counter, torch.no_grad():
        model(image)
    return sum(parameter.numel() for parameter in model.parameters()), counter.flops


class _FlopCounter(TorchDispatchMode):
    """Adds up what torch's FlopCounterMode counts, but not by module, which takes most of its time."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.flops = 0

    def __torch_dispatch__(
        self, func: Any, types: Sequence[type], args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        output = func(*args, **(kwargs or {}))
        if func._overloadpacket in flop_registry:
            self.flops += flop_registry[func._overloadpacket](*args, **(kwargs or {}), out_val=output)
        return output


def _sides(keys: ModelKeys) -> str:
    least = f", from {keys.least_side}" if keys.least_side > 1 else ""
    return ("any" if keys.takes_any_size else "the dataset's") + least


if __name__ == "__main__":
    print(model_zoo().rstrip())
