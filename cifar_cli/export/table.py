"""The formats of `cifar export`: what each is, where the code is, and which libraries it needs.

To add one, write `export/<name>_format.py` with a `write` and a `read`, and its entry here.
"""

from dataclasses import dataclass
from importlib.util import find_spec

from cifar_cli.errors import UsageError


@dataclass(frozen=True)
class ExportFormat:
    """A format. module: has `write(exported, path)`, and `read(path)`, which returns a function from images to logits.

    libraries: modules that are installed by the extra `export`. title: what it is, and who reads it. takes_own: whether
    it can hold a person's own network.
    """

    module: str
    suffix: str
    title: str
    libraries: tuple[str, ...] = ()
    takes_own: bool = True


FORMATS = {
    "onnx": ExportFormat(
        module="cifar_cli.export.onnx_format",
        suffix=".onnx",
        title="for ONNX Runtime and other engines, in any language",
        libraries=("onnx", "onnxscript", "onnxruntime"),
    ),
    "safetensors": ExportFormat(
        module="cifar_cli.export.safetensors_format",
        suffix=".safetensors",
        title="the weights alone, with the configuration beside them",
    ),
    "torch.export": ExportFormat(
        module="cifar_cli.export.torch_export_format",
        suffix=".pt2",
        title="the network as a graph of torch operations, for torch.export.load",
    ),
    "python": ExportFormat(
        module="cifar_cli.export.python_format",
        suffix=".py",
        title="a program in plain PyTorch, and a file with the weights",
        takes_own=False,  # the person's file is such a program already
    ),
}


def check_own_network(name: str, network: str) -> None:
    """Raises UsageError if the format cannot hold a person's own network. network: as a message calls it."""
    if not FORMATS[name].takes_own:
        raise UsageError(
            f"--to {name}: expected a network of the program, found {network}, which is Python already; "
            f"write --to torch.export"
        )


def check_libraries(name: str) -> None:
    """Raises UsageError if a library that the format needs is not installed."""
    missing = [library for library in FORMATS[name].libraries if find_spec(library) is None]
    if missing:
        raise UsageError(
            f"--to {name}: expected the {'library' if len(missing) == 1 else 'libraries'} {', '.join(missing)}, found "
            f'none; install with: pip install "cifar-cli[export]", or in a checkout: pip install -e ".[export]"'
        )
