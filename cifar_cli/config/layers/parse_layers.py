"""Parses `model.layers`: checks names, types and arguments against the table of layer types."""

import re
from collections.abc import Sequence

from cifar_cli.config.first_guesses import layer_of_call, list_of_tuple
from cifar_cli.config.layers.table import LAYERS, Arguments, NoDefault
from cifar_cli.config.messages import format_value, found, nearest
from cifar_cli.config.yaml.source_locations import Issue, KeyPath
from cifar_cli.models.layer import ArgumentValue, Layer

LAYERS_PATH: KeyPath = ("model", "layers")
EXAMPLE = "- conv1: {type: Conv2d, out_channels: 32, kernel_size: 3}"

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")

# nn.Sequential has attributes of these names, so they cannot name layers.
RESERVED_NAMES = frozenset(
    """
    T_destination add_module append apply bfloat16 buffers call_super_init children compile cpu cuda double
    dump_patches eval extend extra_repr float forward get_buffer get_extra_state get_parameter get_submodule
    half insert ipu load_state_dict modules mtia named_buffers named_children named_modules named_parameters
    parameters pop register_backward_hook register_buffer register_forward_hook register_forward_pre_hook
    register_full_backward_hook register_full_backward_pre_hook register_load_state_dict_post_hook
    register_load_state_dict_pre_hook register_module register_parameter register_state_dict_post_hook
    register_state_dict_pre_hook requires_grad_ set_extra_state set_submodule share_memory state_dict to
    to_empty train training type xpu zero_grad
    """.split()  # noqa: SIM905 - a list of sixty quoted words would fill a page
)


def parse_layers(entries: object) -> tuple[list[Layer | None], list[Issue]]:
    """Returns a layer for each entry of the list, None for an entry with mistakes, and the mistakes.

    Default and inferred arguments are not filled in.
    """
    if not isinstance(entries, list) or not entries:
        expected = "expected a list of layers, at least one"
        return [], [Issue(LAYERS_PATH, f"{expected}, found {found(entries)}", f"write for example {EXAMPLE}")]
    layers: list[Layer | None] = []
    issues: list[Issue] = []
    first_paths: dict[str, KeyPath] = {}
    for index, entry in enumerate(entries):
        path: KeyPath = (*LAYERS_PATH, index)
        if not (isinstance(entry, dict) and len(entry) == 1):
            issues.append(_not_a_layer(path, entry))
            layers.append(None)
            continue
        name, body = next(iter(entry.items()))
        path = (*path, name)
        mistakes = _name_issues(path, name, first_paths)
        first_paths.setdefault(name, path)
        layer, more = _read_layer(path, name, body)
        layers.append(None if mistakes or more else layer)
        issues += [*mistakes, *more]
    return layers, issues


def _not_a_layer(path: KeyPath, entry: object) -> Issue:
    if isinstance(entry, str) and entry in LAYERS:
        return Issue(path, f"expected a name and a layer, found '{entry}'", f"write - {entry.lower()}: {entry}")
    if isinstance(entry, dict) and len(entry) > 1:
        finding = f"expected one name with its layer, found the keys {', '.join(entry)}"
        return Issue(path, finding, f"write for example {EXAMPLE}")
    return Issue(path, f"expected a name and a layer, found {found(entry)}", f"write for example {EXAMPLE}")


def _name_issues(path: KeyPath, name: str, first_paths: dict[str, KeyPath]) -> list[Issue]:
    if not _NAME.fullmatch(name):
        finding = f"expected a name of letters, digits and '_' that begins with a letter, found {name!r}"
        return [Issue(path, finding, "write for example conv1", at_key=True)]
    if name in RESERVED_NAMES:
        finding = f"the name '{name}' is one that torch's Sequential uses itself"
        return [Issue(path, finding, f"write for example {name}1", at_key=True)]
    if name in first_paths:
        mend = "give every layer its own name"
        return [Issue(path, "the name is given twice", mend, at_key=True, first=first_paths[name])]
    return []


def _read_layer(path: KeyPath, name: str, body: object) -> tuple[Layer | None, list[Issue]]:
    if isinstance(body, str):
        body = {"type": body}
    if not isinstance(body, dict):
        finding = f"expected a layer type, or {{type: …}} with its arguments, found {found(body)}"
        return None, [Issue(path, finding, "write for example ReLU")]
    if "type" not in body:
        return None, [Issue(path, "expected a layer with its type, found no type", "write for example type: Conv2d")]
    layer_type = body["type"]
    if not isinstance(layer_type, str) or layer_type not in LAYERS:
        return None, [_unknown_type((*path, "type"), layer_type)]
    given = {key: value for key, value in body.items() if key != "type"}
    arguments, issues = _read_arguments(path, layer_type, given)
    return Layer(name, layer_type, arguments), issues


def _unknown_type(path: KeyPath, layer_type: object) -> Issue:
    if isinstance(layer_type, str) and (written := layer_of_call(layer_type)):
        return Issue(
            path[:-1], f"expected a layer in YAML, found Python's {found(layer_type)}", f"write {path[-2]}: {written}"
        )
    near = nearest(layer_type, LAYERS) if isinstance(layer_type, str) else ""
    mend = near.removeprefix("; ") or f"the types are {', '.join(sorted(LAYERS))}"
    return Issue(path, f"expected a layer type of torch.nn, found {found(layer_type)}", mend)


def _read_arguments(
    path: KeyPath, layer_type: str, given: dict[str, object]
) -> tuple[dict[str, ArgumentValue], list[Issue]]:
    table = LAYERS[layer_type]
    arguments: dict[str, ArgumentValue] = {}
    issues: list[Issue] = []
    for key, raw in given.items():
        value = tuple(raw) if isinstance(raw, list) else raw
        if key not in table:
            issues.append(_unknown_argument((*path, key), layer_type, key, table))
        elif not table[key].type.accepts(value):
            expected, example, _ = table[key].type
            finding = f"expected {expected}, found {found(raw)}"
            mend = list_of_tuple(raw) or f"for example {format_value(example)}"
            issues.append(Issue((*path, key), finding, f"write {mend}"))
        else:
            arguments[key] = value  # type: ignore[assignment]  # its type has just accepted it
    for key in missing_arguments(table, given):
        expected, example, _ = table[key].type
        finding = f"expected {expected}, found nothing"
        issues.append(Issue((*path, key), finding, f"write for example {key}: {format_value(example)}"))
    # In torch's order, whatever the file's order: a dumped configuration always looks the same.
    return {key: arguments[key] for key in table if key in arguments}, issues


def missing_arguments(table: Arguments, given: dict[str, object]) -> Sequence[str]:
    """Returns the required arguments that are not given."""
    return [key for key, argument in table.items() if argument.default is NoDefault.REQUIRED and key not in given]


def _unknown_argument(path: KeyPath, layer_type: str, key: str, table: Arguments) -> Issue:
    if not table:
        return Issue(path, f"{layer_type} takes no arguments", "leave it out", at_key=True)
    near = nearest(key, table).removeprefix("; ")
    return Issue(
        path, f"{layer_type} has no such argument", near or f"its arguments are {', '.join(table)}", at_key=True
    )
