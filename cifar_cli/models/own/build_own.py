"""Runs a person's file and builds the network in it, if the command line has named the file. Imports torch late.

Nothing else runs code from a file: the keys of a configuration only say which file it was, and a file that nobody has
named in this process is refused.
"""

import builtins
import inspect
import random
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from cifar_cli.errors import UsageError, did_you_mean
from cifar_cli.models.own.own_source import OwnSource
from cifar_cli.models.own.translate_own_error import OwnFiles, translated_errors
from cifar_cli.models.table import FileKeys
from cifar_cli.section import call_with_accepted

if TYPE_CHECKING:
    from torch import nn

AVAILABLE = ("num_classes", "image_shape")

_trusted: dict[tuple[str, str], OwnSource] = {}  # by checksum and name: what the command line has named
_modules: dict[str, ModuleType] = {}  # by checksum: each file runs once
_neighbours: dict[str, list[str]] = {}  # by checksum: the modules that the file imported from its own folder


def trust(own: OwnSource) -> None:
    """Lets this process run the file: the person has named it on the command line."""
    _trusted[own.sha256, own.attribute] = own


def trusted_sources() -> list[OwnSource]:
    """Returns what this process may run, for a process that works for it."""
    return list(_trusted.values())


def is_trusted(keys: FileKeys) -> bool:
    """Returns whether this process may run the file that the keys state."""
    return (keys.sha256, keys.attribute) in _trusted


def own_source(keys: FileKeys) -> OwnSource:
    """Returns the file that the keys state. Raises UsageError if the command line has not named it."""
    if not is_trusted(keys):
        raise UsageError(untrusted_message(keys))
    return _trusted[keys.sha256, keys.attribute]


def untrusted_message(keys: FileKeys, *, place: str = "model") -> str:
    """Returns why a configuration's own network is not built, and how to name its file."""
    return (
        f"{place}: expected the file of the network {keys.label} on the command line, as no configuration, checkpoint "
        f"or run folder can run code by itself, found none; write --model {keys.word}, or --trust-model to run the "
        f"copy of the file in the run folder"
    )


def own_files() -> OwnFiles:
    """Returns the files whose lines a message about a person's own network can name."""
    return OwnFiles({str(own.path): own for own in _trusted.values()})


def neighbours(keys: FileKeys) -> list[str]:
    """Returns the modules that the file of the keys, once it has run, imported from its own folder."""
    return _neighbours.get(keys.sha256, [])


def build_own_model(
    *, image_shape: tuple[int, int, int], num_classes: int, file: str, attribute: str, sha256: str
) -> "nn.Module":
    """Returns the network that a trusted file gives for images (B, *image_shape), with the weights of torch's seed.

    Raises UsageError for a file that the command line has not named, and for whatever goes wrong in it.
    """
    import torch

    own = own_source(FileKeys(file=file, attribute=attribute, sha256=sha256))
    with translated_errors(own_files(), own), _seeded(torch.initial_seed()):
        target = _find(own, _run(own))
        available = {"num_classes": num_classes, "image_shape": image_shape}
        _check_arguments(own, target)
        return _checked(own, call_with_accepted(target, (), available))


def _run(own: OwnSource) -> ModuleType:
    """Runs the file, the first time, and returns its module."""
    if own.sha256 in _modules:
        return _modules[own.sha256]
    import torch

    name = f"own_model_{own.sha256[:12]}"  # a name of its own: a file may be called random.py
    module = ModuleType(name)
    module.__file__ = str(own.path.absolute())
    # What the file prints goes where notes go: with --json, stdout holds one object and nothing else.
    module.print = _print_to_stderr  # type: ignore[attr-defined]
    sys.modules[name] = module  # dataclasses and pickle look there
    known = set(sys.modules)
    try:
        # Generators of its own: numbers that the file draws must not change the weights of the first network.
        with _importable(own), _seeded(0), torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(0)
            exec(compile(own.content, str(own.path), "exec"), module.__dict__)
    except BaseException:  # the file may raise anything, SystemExit and Ctrl-C too; raised again below
        del sys.modules[name]
        raise
    _modules[own.sha256] = module
    _neighbours[own.sha256] = _modules_of(own.path.absolute().parent, set(sys.modules) - known)
    return module


def _modules_of(folder: Path, names: set[str]) -> list[str]:
    """Returns those of the modules that are a file or a folder directly in this folder."""
    tops = {name: sys.modules[name] for name in names if "." not in name}
    files = {name: Path(str(getattr(module, "__file__", None) or "")) for name, module in tops.items()}
    return sorted(name for name, file in files.items() if folder in (file.parent, file.parent.parent))


def _print_to_stderr(*values: object, **options: Any) -> None:
    builtins.print(*values, **{"file": sys.stderr, **options})


@contextmanager
def _importable(own: OwnSource) -> Iterator[None]:
    """Lets the file import its neighbours, as Python does for a program: first while it runs, afterwards last.

    Not the copy in a run folder: --trust-model runs this one file, and a stranger's folder may hold a torchvision.py.
    """
    if own.is_copy:
        yield
        return
    folder = own.path.absolute().parent
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        if str(folder) not in sys.path:
            sys.path.append(str(folder))


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Seeds Python's and NumPy's generators, which a constructor may draw from, and restores them."""
    import numpy as np

    python_state, numpy_state = random.getstate(), np.random.get_state()
    random.seed(seed)
    np.random.seed(seed % 2**32)
    try:
        yield
    finally:
        random.setstate(python_state)
        np.random.set_state(numpy_state)


def _find(own: OwnSource, module: ModuleType) -> Callable[..., Any]:
    from torch import nn

    place = f"{own.path}:{own.line_of(own.attribute)}"
    if not hasattr(module, own.attribute):  # the file imports all names of another
        known = [name for name in vars(module) if not name.startswith("_")]
        raise UsageError(
            f"{own.path}: expected a class or a function '{own.attribute}', found none"
            f"{did_you_mean(own.attribute, known) or '; define or import it in the file'}"
        )
    target = getattr(module, own.attribute)
    if isinstance(target, nn.Module):
        kind = type(target).__name__
        raise UsageError(
            f"{place}: expected a class or a function that gives a network, found a network that is built already; "
            f"name its class: --model {own.file}:{kind}"
        )
    if inspect.isclass(target) and not issubclass(target, nn.Module):
        raise UsageError(
            f"{place}: expected a subclass of nn.Module, found the class {own.attribute} of another kind; write "
            f"class {own.attribute}(nn.Module):"
        )
    if not callable(target):
        raise UsageError(
            f"{place}: expected a class or a function that gives a network, found {own.attribute}, "
            f"a {type(target).__name__}; name a class or a function"
        )
    return target  # type: ignore[no-any-return]


def _check_arguments(own: OwnSource, target: Callable[..., Any]) -> None:
    """Raises UsageError if the class or function needs arguments that it does not get."""
    parameters = inspect.signature(target).parameters.values()
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    missing = [
        parameter.name
        for parameter in parameters
        if parameter.default is parameter.empty
        and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
        and not (parameter.kind in named and parameter.name in AVAILABLE)
    ]
    if not missing:
        return
    node = own.class_node(own.attribute)
    init = next((inner for inner in node.body if getattr(inner, "name", "") == "__init__"), None) if node else None
    line = init.lineno if init else own.line_of(own.attribute)
    hint = did_you_mean(missing[0], AVAILABLE)
    raise UsageError(
        f"{own.path}:{line}: expected a {'class' if inspect.isclass(target) else 'function'} that is called with "
        f"num_classes and image_shape, or without arguments, found that {own.attribute} needs {', '.join(missing)} too"
        f"{hint}{'' if hint else f'; give a default, such as {missing[0]}=64, or name a function that calls it'}"
    )


def _checked(own: OwnSource, model: object) -> "nn.Module":
    """Returns what the class or function gave. Raises UsageError if it is no network."""
    from torch import nn

    place = f"{own.path}:{own.line_of(own.attribute)}"
    if isinstance(model, nn.Module) and "_modules" not in vars(model):
        raise UsageError(_no_super_message(own, type(model).__name__))
    if isinstance(model, nn.Module):
        return model
    mend = "end it with return model" if model is None else "return the network itself"
    raise UsageError(
        f"{place}: expected {own.attribute} to give an nn.Module, found {'nothing' if model is None else 'a '}"
        f"{'' if model is None else type(model).__name__}; {mend}"
    )


def _no_super_message(own: OwnSource, class_name: str) -> str:
    node = own.class_node(class_name)
    init = next((inner for inner in node.body if getattr(inner, "name", "") == "__init__"), None) if node else None
    line = init.lineno if init else own.line_of(own.attribute)
    return (
        f"{own.path}:{line}: expected super().__init__() in the __init__ of {class_name}, found none; write it as the "
        f"first line of __init__"
    )
