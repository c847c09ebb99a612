"""Reads the file of a person's own network, and checks it without running it. Imports no torch."""

import ast
import hashlib
import os
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from cifar_cli.errors import UsageError, did_you_mean
from cifar_cli.models.own.training_code import find_training_code, is_main_guard
from cifar_cli.models.table import FileKeys
from cifar_cli.shell import expand_path

MAX_BYTES = 2**20
USAGE = "write for example --model my_net.py:Net"

SEEDING_CALLS = {
    *("torch.manual_seed", "torch.random.manual_seed", "torch.cuda.manual_seed", "torch.cuda.manual_seed_all"),
    *("manual_seed", "random.seed", "np.random.seed", "numpy.random.seed", "seed_everything", "pl.seed_everything"),
}


@dataclass(frozen=True)
class OwnSource:
    """A network in a Python file, read but not run. attribute: the class or function that gives the network.

    path: where it was read from; file: its path as the option --model named it when the run was started.
    """

    path: Path
    file: str
    attribute: str
    content: bytes

    @cached_property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    @property
    def word(self) -> str:
        """The network as --model names it."""
        return f"{self.file}:{self.attribute}"

    @property
    def is_copy(self) -> bool:
        """Whether it was read from the copy in a run folder."""
        return str(self.path) != self.file

    @property
    def keys(self) -> FileKeys:
        """The section `model` of a configuration that states this network."""
        return FileKeys(file=self.file, attribute=self.attribute, sha256=self.sha256)

    @cached_property
    def tree(self) -> ast.Module:
        return _parse(self.content, self.path)

    def line(self, number: int) -> str:
        """Returns the text of a line, as it was when the file was read."""
        lines = self.content.decode(errors="replace").splitlines()
        return lines[number - 1] if 0 < number <= len(lines) else ""

    def line_of(self, name: str) -> int:
        """Returns the line that defines a name outside of functions, 1 if no line is known to."""
        return next((line for defined, line in _definitions(self.tree) if defined == name), 1)

    def class_node(self, name: str) -> ast.ClassDef | None:
        """Returns the class of that name, wherever in the file it is."""
        nodes = (node for node in ast.walk(self.tree) if isinstance(node, ast.ClassDef))
        return next((node for node in nodes if node.name == name), None)

    def place_of_attribute(self, class_name: str, attribute: str) -> str:
        """Returns `FILE:LINE` of the line that sets `self.<attribute>` in a class, else of the class."""
        node = self.class_node(class_name)
        for inner in ast.walk(node) if node else ():
            if isinstance(inner, ast.Attribute) and inner.attr == attribute and isinstance(inner.ctx, ast.Store):
                return f"{self.path}:{inner.lineno}"
        return f"{self.path}:{node.lineno if node else self.line_of(self.attribute)}"

    def place_of_call(self, class_name: str, name: str) -> str:
        """Returns `FILE:LINE` of the last call of a function in a class, else of the class."""
        node = self.class_node(class_name)
        calls = [inner.func for inner in ast.walk(node) if isinstance(inner, ast.Call)] if node else []
        lines = [call.lineno for call in calls if name in (getattr(call, "attr", ""), getattr(call, "id", ""))]
        return f"{self.path}:{max(lines, default=node.lineno if node else self.line_of(self.attribute))}"

    def place_of_seeding(self, class_name: str) -> str | None:
        """Returns `FILE:LINE` of the first call in a class that seeds the random numbers of all, None if there is none.

        A generator of its own, `torch.Generator().manual_seed(0)`, may be seeded.
        """
        node = self.class_node(class_name)
        calls = [inner for inner in ast.walk(node) if isinstance(inner, ast.Call)] if node else []
        lines = [call.lineno for call in calls if ast.unparse(call.func) in SEEDING_CALLS]
        return f"{self.path}:{min(lines)}" if lines else None


def meant_own_word(word: str) -> str | None:
    """Returns FILE.py:NAME for a word that means a network in a Python file, None for others. The file does not run.

    `my_net.py` means the first network in it; `my_net:Net`, as other programs write it, the file my_net.py. A notebook
    with a NAME stays as it is, to be refused in the words for notebooks. Raises UsageError for a file that cannot be
    read.
    """
    file, attribute = _split_own_word(word)
    if file.endswith(".ipynb"):
        return word if attribute else None
    path = Path(file if file.endswith(".py") else f"{file}.py")
    is_file = os.path.isfile(path)
    if not file.endswith(".py") and not (file != word and is_file):
        return None
    names = _networks(_parse(_read(path), path)) if is_file and not attribute else []
    return f"{path}:{attribute or (names or ['Net'])[0]}"


def _split_own_word(word: str) -> tuple[str, str]:
    """Returns FILE and NAME of a word, which may have no NAME."""
    file, colon, attribute = word.rpartition(":")
    return (word, "") if not colon or word.endswith((".py", ".ipynb")) else (file, attribute)


def read_own_source(word: str) -> OwnSource:
    """Returns the network that FILE.py:NAME names. Raises UsageError; the file does not run."""
    file, attribute = _split_own_word(word)
    if file.endswith(".ipynb"):
        mend = f"write its class into a file: jupyter nbconvert --to script {file}, then {file[:-6]}.py"
        raise UsageError(f"--model: expected FILE.py:NAME, found the notebook '{word}'; {mend}:{attribute or 'Net'}")
    if not file.endswith(".py"):
        candidate = f"{file}.py"
        is_file = expand_path(candidate, place="--model").is_file()
        hint = f"; did you mean '{candidate}:{attribute or 'Net'}'?" if is_file else f"; {USAGE}"
        raise UsageError(f"--model: expected FILE.py:NAME, found '{word}'{hint}")
    path = expand_path(file, place="--model")
    own = OwnSource(path, str(path), attribute, _read(path))
    check_own_source(own)
    return own


def class_names(path: Path) -> list[str]:
    """Returns the names of the classes in a Python file. Raises UsageError; the file does not run."""
    return [node.name for node in _parse(_read(path), path).body if isinstance(node, ast.ClassDef)]


def check_own_source(own: OwnSource) -> None:
    """Raises UsageError for a file with a mistake in its syntax, without the name, or that trains when it is read."""
    known = [name for name, _ in _definitions(own.tree)]
    classes = _networks(own.tree) or known
    if not own.attribute:
        listed = f"the file has {', '.join(classes)}; " if classes else ""
        mend = f"write --model {own.path}:{classes[0]}" if classes else "write a class Net(nn.Module) in it"
        raise UsageError(f"{own.path}: expected FILE.py:NAME, found no NAME; {listed}{mend}")
    if own.attribute not in known and not _imports_all(own.tree):
        raise UsageError(_unknown_name(own, known, classes))
    if found := find_training_code(own.tree):
        guard = '`if __name__ == "__main__":`'
        mend = f"put the line {guard} before it, and indent all that follows"
        if own.line_of(own.attribute) > found.line:  # as in a script, which loads the images first
            mend = f"move the definition of {own.attribute} and its imports above it, then {mend}"
        raise UsageError(
            f"{own.path}:{found.line}: expected nothing but definitions outside of functions and classes, found "
            f"{found.code}, which would run each time the file is read; {mend}"
        )


def _unknown_name(own: OwnSource, known: list[str], classes: list[str]) -> str:
    guarded = [name for node in own.tree.body if is_main_guard(node) for name, _ in _statement_names(node)]
    finding = f"{own.path}: expected a class or a function '{own.attribute}', found none"
    if own.attribute in guarded:
        return f'{finding} outside of `if __name__ == "__main__":`; move its definition before that line'
    mend = did_you_mean(own.attribute, known) or (
        f"; the file has {', '.join(classes)}" if classes else "; write a class of that name, a subclass of nn.Module"
    )
    return finding + mend


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        known = [str(other) for other in sorted(path.parent.glob("*.py"))] if path.parent.is_dir() else []
        mend = did_you_mean(str(path), known) or f"; {USAGE}"
        raise UsageError(f"--model: expected the Python file {path}, found no such file{mend}") from None
    except (OSError, ValueError) as error:  # ValueError: a null character in the path
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise UsageError(f"{path}: expected a Python file, found: {reason}; {USAGE}") from error
    if len(content) > MAX_BYTES:
        raise UsageError(f"{path}: expected a Python file of at most 1 MiB, found a larger one; {USAGE}")
    return content


def _parse(content: bytes, path: Path) -> ast.Module:
    try:
        with warnings.catch_warnings(action="ignore"):  # given when the file is run
            return ast.parse(content, filename=str(path))
    except SyntaxError as error:
        raise UsageError(syntax_message(error, path=str(path))) from None
    except (ValueError, RecursionError, MemoryError) as error:  # null characters, or nested too deeply
        reason = str(error) or "code that is nested too deeply"
        raise UsageError(f"{path}: expected Python, found: {reason}; save it as a text file") from None


def syntax_message(error: SyntaxError, *, path: str) -> str:
    """Returns the message for a mistake in a file's syntax, with its line. path: where the error names no file."""
    line = " ".join((error.text or "").split())
    shown = f" in the line `{line}`" if line else ""
    place = f"{error.filename or path}:{error.lineno or 1}" + (f":{error.offset}" if error.offset else "")
    return f"{place}: expected Python, found: {error.msg}{shown}; mend this line or the one before it"


def _definitions(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Yields the names that the file defines outside of functions, each with its line."""
    for node in tree.body:
        if not is_main_guard(node):
            yield from _statement_names(node)


def _statement_names(node: ast.stmt) -> Iterator[tuple[str, int]]:
    if isinstance(node, ast.ClassDef | ast.FunctionDef):
        yield node.name, node.lineno
    elif isinstance(node, ast.Import | ast.ImportFrom):
        for alias in node.names:
            yield alias.asname or alias.name.partition(".")[0], node.lineno
    elif isinstance(node, ast.Assign | ast.AnnAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        for name in (inner for target in targets for inner in ast.walk(target) if isinstance(inner, ast.Name)):
            yield name.id, node.lineno
    elif isinstance(node, ast.If | ast.Try | ast.With | ast.For | ast.While):
        for inner in ast.iter_child_nodes(node):
            if isinstance(inner, ast.stmt):
                yield from _statement_names(inner)
            elif isinstance(inner, ast.ExceptHandler):
                for statement in inner.body:
                    yield from _statement_names(statement)


def _networks(tree: ast.Module) -> list[str]:
    """Returns the names of the classes and functions in the file, the classes with a base class first."""
    nodes = [node for node in tree.body if isinstance(node, ast.ClassDef | ast.FunctionDef)]
    return [node.name for node in sorted(nodes, key=lambda node: not (isinstance(node, ast.ClassDef) and node.bases))]


def _imports_all(tree: ast.Module) -> bool:
    imports = (node for node in tree.body if isinstance(node, ast.ImportFrom))
    return any(alias.name == "*" for node in imports for alias in node.names)
