"""The source of a network in plain PyTorch: what it imports, its classes, and the call that builds it."""

import ast
import inspect
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from cifar_cli.config import Experiment
from cifar_cli.errors import UsageError
from cifar_cli.export.table import check_own_network
from cifar_cli.models.layer import Layer


@dataclass(frozen=True)
class NetworkSource:
    """imports: statements; body: classes and functions, empty for a list of layers; call: builds the network."""

    imports: str
    body: str
    call: str


def network_source(experiment: Experiment) -> NetworkSource:
    """Returns the source of an experiment's network. Raises UsageError if its file imports other files of ours."""
    keys, data = experiment.model, experiment.data
    if keys.listed_layers is not None:
        return NetworkSource("from collections import OrderedDict", "", _listed(keys.listed_layers))
    if keys.is_own:
        check_own_network("python", keys.label)
    module, _, function = keys.target.partition(":")
    imports, body = _split(inspect.getsource(import_module(module)))
    if "cifar_cli" in imports:
        raise UsageError(
            f"--to python: expected a network whose file stands alone, found that {module} imports other files of "
            f"this program; write --to torch.export"
        )
    arguments = {"image_shape": data.image_shape, "num_classes": data.num_classes, **keys.arguments}
    return NetworkSource(imports, body, f"{function}({_keywords(arguments)})")


def merged_imports(blocks: Sequence[str]) -> list[str]:
    """Returns the import statements of all blocks, one for each module, sorted, the standard library's first."""
    names: dict[str, set[str]] = defaultdict(set)  # of `from module import names`; empty for `import module`
    for statement in ast.parse("\n".join(blocks)).body:
        assert isinstance(statement, ast.Import | ast.ImportFrom)
        if isinstance(statement, ast.ImportFrom):
            names[f"from {statement.module} import"] |= {ast.unparse(alias) for alias in statement.names}
        else:
            names[ast.unparse(statement)] |= set()
    ordered = sorted(names, key=lambda start: (start.startswith("from"), start))
    lines = {start: f"{start} {', '.join(sorted(names[start]))}".rstrip() for start in ordered}
    standard = [lines[start] for start in ordered if _package(start) in sys.stdlib_module_names]
    return [*standard, "", *(line for line in lines.values() if line not in standard)]


def _package(statement: str) -> str:
    return statement.split()[1].partition(".")[0]


def _split(source: str) -> tuple[str, str]:
    """Splits a module into its import statements and what follows them, without the docstring."""
    statements = ast.parse(source).body
    imports = [statement for statement in statements if isinstance(statement, ast.Import | ast.ImportFrom)]
    first = max(statement.end_lineno or 0 for statement in imports)
    return "\n".join(map(ast.unparse, imports)), "\n".join(source.splitlines()[first:]).strip()


def _listed(layers: Sequence[Layer]) -> str:
    lines = [f"        {layer.name}=nn.{layer.type}({_keywords(layer.arguments)})," for layer in layers]
    return "\n".join(["nn.Sequential(", "    OrderedDict(", *lines, "    )", ")"])


def _keywords(arguments: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in arguments.items())
