"""Explains the errors of Python and torch.nn that a person meets in a first network: what to write instead."""

import ast
import re
import sys
import types

from cifar_cli.errors import did_you_mean
from cifar_cli.models.own.own_source import OwnSource

IMPORTS = {
    "nn": "from torch import nn",
    "torch": "import torch",
    "F": "from torch.nn import functional as F",
    "np": "import numpy as np",
    "torchvision": "import torchvision",
    "math": "import math",
}
CONSTRUCTOR = "__init__"


def python_mistake(error: BaseException, own: OwnSource) -> str | None:
    """Returns expectation, finding and mend for an error, None for an error that is not known."""
    text = str(error)
    if isinstance(error, SystemExit):
        return (
            "expected a file that can be read for its network, found one that ends the program; put that line under "
            '`if __name__ == "__main__":`'
        )
    if isinstance(error, ModuleNotFoundError):
        return _missing_module(error, own)
    if isinstance(error, ImportError):
        return _wrong_import(error)
    if isinstance(error, NameError):
        return _unknown_name(str(error.name or ""), text)
    if "before Module.__init__() call" in text:
        return "expected super().__init__() before this line, found none; write it as the first line of __init__"
    if 'missing the required "forward" function' in text:
        return _missing_forward(text, own)
    if isinstance(error, AttributeError):
        return _unknown_attribute(error, own)
    if isinstance(error, TypeError):
        return _wrong_arguments(text)
    if "NVIDIA driver" in text or "not compiled with CUDA" in text:
        return (
            "expected a network that stays where it is made, found one that is moved to a GPU, and there is none here; "
            "leave .cuda() and .to(…) out: the program moves the network, to where train.device says"
        )
    if "does not require grad and does not have a grad_fn" in text:
        return (
            "expected an output that depends on the weights, found one without a gradient; take .detach(), .data, "
            ".numpy() and torch.no_grad() out of forward"
        )
    if "modified by an inplace operation" in text or "a leaf Variable that requires grad" in text:
        return (
            "expected tensors that stay as they are until the gradient is computed, found one that is changed in "
            "place; write x = x + y in the place of x += y, and leave inplace=True out"
        )
    return None


def _missing_module(error: ModuleNotFoundError, own: OwnSource) -> str:
    from importlib import metadata

    name = (error.name or "").partition(".")[0]
    finding = f"expected the module '{error.name}', found none of this name here"
    if own.is_copy:
        return f"{finding}; a run folder keeps one file alone: name the file among its neighbours, --model {own.word}"
    hint = did_you_mean(name, metadata.packages_distributions())
    return f"{finding}{hint or f'; install it (pip install {name}), or leave the import out'}"


def _wrong_import(error: ImportError) -> str | None:
    """Explains `from .helper import x` and `from torch.nn import Conv2D`."""
    text = str(error)
    if "no known parent package" in text:
        return "expected an import without a dot, as this file is in no package, found one with a dot; leave it out"
    match = re.search(r"cannot import name '(\w+)' from (partially initialized module )?'([\w.]+)'", text)
    if match is None:
        return None
    finding = f"expected a name of {match[3]}, found '{match[1]}'"
    if match[2]:
        return f"{finding}, while {match[3]} is being read; take out the import that leads back to this file"
    hint = did_you_mean(match[1], dir(sys.modules.get(match[3])))
    return f"{finding}{hint or '; see the documentation of this module for its names'}"


def _unknown_name(name: str, text: str) -> str | None:
    from torch import nn

    if not name or "referenced before assignment" in text or "not associated with a value" in text:
        return None
    finding = f"expected a name that is known here, found '{name}'"
    if name in IMPORTS:
        return f"{finding}; write {IMPORTS[name]} at the top of the file"
    if hasattr(nn, name):
        return f"{finding}; write nn.{name}, with from torch import nn at the top of the file"
    return f"{finding}; define it before this line, or write self.{name} for a layer of the network"


def _missing_forward(text: str, own: OwnSource) -> str:
    class_name = (re.search(r"Module \[(\w+)\]", text) or [""] * 2)[1]
    finding = f"expected a method forward in the class {class_name}, found none"
    node = own.class_node(class_name)
    methods = [inner.name for inner in node.body if isinstance(inner, ast.FunctionDef)] if node else []
    hidden = [inner for inner in ast.walk(node) if isinstance(inner, ast.FunctionDef)] if node else []
    if "forward" not in methods and (lost := [inner for inner in hidden if inner.name == "forward"]):
        return f"{finding}: the one in line {lost[0].lineno} is indented too far; move it to the left, below the class"
    hint = did_you_mean("forward", [name for name in methods if name != CONSTRUCTOR])
    if hint:
        return f"{finding}{hint.replace('did you mean', 'is it called')} Write def forward(self, x):"
    return f"{finding}; write def forward(self, x): with return at its end"


def _unknown_attribute(error: AttributeError, own: OwnSource) -> str | None:
    name, owner = error.name or "", error.obj
    if not name:
        return None
    if isinstance(owner, types.ModuleType):
        hint = did_you_mean(name, dir(owner)) or "; see the documentation of this module for its names"
        return f"expected a name of {owner.__name__}, found '{name}'{hint}"
    found = re.search(r"'(\w+)' object has no attribute '(\w+)'", str(error))
    node = own.class_node(found[1]) if found else None
    if not found or node is None:
        return None
    methods = [inner.name for inner in node.body if isinstance(inner, ast.FunctionDef)]
    finding = f"expected self.{name} in the class {found[1]}, found none"
    if CONSTRUCTOR not in methods and (near := did_you_mean(CONSTRUCTOR, methods)):
        wrong = near.partition("'")[2].partition("'")[0]
        return f"{finding}: __init__ is called {wrong} there; write def __init__(self):"
    set_here = {inner.attr for inner in ast.walk(node) if isinstance(inner, ast.Attribute)} - {name}
    layers = [attribute for attribute in set_here if own.place_of_attribute(found[1], attribute)]
    hint = did_you_mean(name, sorted(layers))
    return finding + (hint or f"; set it in __init__: self.{name} = …")


def _wrong_arguments(text: str) -> str | None:
    if match := re.search(r"(\w+\.forward|forward)\(\) takes (?:from )?(\d+)", text):
        return f"expected {match[1]} to take the images, found no argument for them; write def forward(self, x):"
    if match := re.search(r"forward\(\) missing \d+ required positional arguments?: (.+)", text):
        return (
            f"expected forward to take a batch of images alone, found that it needs {match[1]} too; give a default, or "
            f"compute it from the images"
        )
    if match := re.search(r"(\w+)\.__init__\(\) (missing .+|got an unexpected .+|takes .+)", text):
        return f"expected the arguments of {match[1]}, found: {match[2]}; mend the call in this line"
    return None
