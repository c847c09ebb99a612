"""Finds and reads configuration files.

The word `-` means standard input. A word that ends in .yaml or .yml is a path. Any other word is the name of a built-in
configuration if one has that name, else a path. A `Path` is always a path.
"""

import errno
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from cifar_cli.config.messages import nearest
from cifar_cli.errors import UsageError
from cifar_cli.models.table import MODELS
from cifar_cli.shell import expand_path

MAX_BYTES = 2**20
STDIN = "-"
# Files that people name in the place of a configuration, by suffix.
NO_CONFIGS = {
    ".py": ("a Python file", "a network of your own is named by --model FILE.py:NAME"),
    ".pt": ("a checkpoint", "its run is continued with: cifar train --resume RUN, and measured with: cifar eval RUN"),
    ".pth": ("a checkpoint", "its run is continued with: cifar train --resume RUN, and measured with: cifar eval RUN"),
    ".json": ("a JSON file", "write the same keys as YAML: cifar config show sequential prints an example"),
    ".toml": ("a TOML file", "write the same keys as YAML: cifar config show sequential prints an example"),
    ".csv": ("a table", "a run's configuration is config.yaml in its folder"),
}
DEFAULT_CONFIG = "sequential"  # commands show its untrained network if there is no run yet


@dataclass(frozen=True)
class ConfigFile:
    """A configuration's text.

    location: its name in messages; stem: the file's name without its suffix; builtin: its name if it is a built-in.
    """

    text: str
    location: str
    stem: str
    builtin: str | None = None


def builtin_folder() -> Path:
    """Returns the folder of the built-in configurations: in an installed package, else beside the package."""
    package = Path(__file__).parent.parent
    inside = package / "configs"
    return inside if inside.is_dir() else package.parent / "configs"


def builtins() -> dict[str, Path]:
    """Returns the built-in configurations by name, such as `sequential` or `layers/conv1`; folders come last."""
    folder = builtin_folder()
    paths = {path.relative_to(folder).with_suffix("").as_posix(): path for path in folder.rglob("*.yaml")}
    return dict(sorted(paths.items(), key=lambda item: (item[0].count("/"), item[0])))


def read_config_file(source: str | Path) -> ConfigFile:
    """Returns the text of a path, a built-in or `-`; reads the source once, because it may be a pipe.

    Raises UsageError.
    """
    if source == "":
        raise UsageError("expected the FILE or NAME of a configuration, found an empty word; names: cifar config list")
    path = find_config_file(source)
    if path.suffix in NO_CONFIGS:
        found, mend = NO_CONFIGS[path.suffix]
        raise UsageError(f"{source}: expected a YAML file, found {found}; {mend}")
    shown = "<stdin>" if source == STDIN else _shown(path)
    try:
        content = _read_bytes(path, is_stdin=source == STDIN)
    except FileNotFoundError:
        raise UsageError(_not_found(source)) from None
    except IsADirectoryError:
        own = path / "config.yaml"
        mend = f"a run's configuration is {_shown(own)}" if own.is_file() else "name a file in it"
        raise UsageError(f"{shown}: expected a YAML file, found a folder; {mend}") from None
    except (OSError, ValueError) as error:  # ValueError: a null character in the path
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise UsageError(f"{shown}: cannot be read: {reason}") from error
    if len(content) > MAX_BYTES:
        raise UsageError(f"{shown}: expected a configuration of at most 1 MiB, found a larger file")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        mend = "save the file as UTF-8"
        raise UsageError(
            f"{shown}:{line}: expected UTF-8 text, found the byte 0x{content[error.start]:02x}; {mend}"
        ) from None
    builtin = next((name for name, known in builtins().items() if known == path), None)
    return ConfigFile(text, shown, "experiment" if is_stream(source) else path.stem, builtin)


def is_stream(source: str | Path) -> bool:
    """Returns whether a configuration comes from standard input or a pipe, which cannot be read again."""
    path = find_config_file(source)
    try:
        return source == STDIN or str(path).startswith(("/dev/", "/proc/")) or path.is_fifo()
    except (OSError, ValueError):  # a name that is too long or contains a null character
        return False


def _read_bytes(path: Path, *, is_stdin: bool) -> bytes:
    """Returns the file's bytes, at most `MAX_BYTES` + 1: the last one shows that the file is too large."""
    if is_stdin:
        if sys.stdin is None:  # the process was started without standard input
            raise OSError(errno.EBADF, "there is no standard input")
        return sys.stdin.buffer.read(MAX_BYTES + 1)
    with path.open("rb") as file:
        return file.read(MAX_BYTES + 1)


def find_config_file(source: str | Path) -> Path:
    """Returns the file that a path or a name means, whether it exists or not. Raises UsageError as `expand_path`."""
    if isinstance(source, str) and not re.search(r"\.ya?ml$", source):
        known = builtins()
        if source in known:
            return known[source]
    return expand_path(source)


def _shown(path: Path) -> str:
    """Returns the path, relative to the current folder if the path lies below this folder."""
    if path.is_absolute() and path.is_relative_to(Path.cwd()):
        return str(path.relative_to(Path.cwd()))
    return str(path)


def _not_found(source: str | Path) -> str:
    known = builtins()
    name = re.sub(r"\.ya?ml$", "", str(source)).removeprefix("configs/")
    hint = nearest(name, known)
    if (keys := MODELS.get(str(source))) and not (keys.lists_layers or keys.is_own):
        mend = f"--config cnn 'model={{name: {source}}}'"
        recipe = next((f", or its recipe --config {other}" for other in known if other.endswith(f"/{source}")), "")
        return f"{source}: expected a configuration, found the name of a network; write for example {mend}{recipe}"
    if re.search(r"\.ya?ml$|/", str(source)):
        return f"{source}: no such file{hint}; cifar config list shows the built-in configurations"
    return f"{source}: no such file, and no built-in configuration; the built-ins are {', '.join(known)}{hint}"
