"""Finds training code that would run when a Python file is read, without running the file. Imports no torch."""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

# Calls that train, open data, write or wait: a file that is read for its network must not make them.
TRAINING_CALLS = {
    *("backward", "zero_grad", "DataLoader", "SummaryWriter", "add_image", "add_images", "add_scalar", "add_graph"),
    *("CIFAR10", "CIFAR100", "MNIST", "FashionMNIST", "ImageFolder", "random_split", "parse_args", "input"),
}


@dataclass(frozen=True)
class TrainingCode:
    """A call outside of functions that trains or opens data. line: of the statement; code: the call, in words."""

    line: int
    code: str


def find_training_code(tree: ast.Module) -> TrainingCode | None:
    """Returns the first training code outside of functions and of `if __name__ == "__main__":`, None if there is none.

    A call of a function of the file counts as the code in the function.
    """
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    for statement in tree.body:
        for call in _calls_when_run(statement, functions):
            if _called_name(call) in TRAINING_CALLS:
                is_within = statement.lineno <= call.lineno <= (statement.end_lineno or statement.lineno)
                where = "" if is_within else f", called from here, in line {call.lineno}"
                return TrainingCode(statement.lineno, f"the training code `{_shown(call)}`{where}")
    return None


def is_main_guard(node: ast.AST) -> bool:
    """Returns whether the node is `if __name__ == "__main__":`, whose body runs only in a program of its own."""
    if not isinstance(node, ast.If) or not isinstance(node.test, ast.Compare):
        return False
    sides = [node.test.left, *node.test.comparators]
    names = {side.id for side in sides if isinstance(side, ast.Name)}
    return names == {"__name__"} and any(isinstance(side, ast.Constant) and side.value == "__main__" for side in sides)


def _calls_when_run(statement: ast.stmt, functions: Mapping[str, ast.FunctionDef]) -> Iterator[ast.Call]:
    """Yields the calls that are made when a statement runs, in the file's order. Not recursive: code may be deep."""
    waiting: list[ast.AST] = [statement]
    entered: set[str] = set()
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue  # only defined
        if isinstance(node, ast.If) and is_main_guard(node):
            waiting += reversed(node.orelse)
            continue
        if isinstance(node, ast.Call):
            yield node
            name = node.func.id if isinstance(node.func, ast.Name) else ""
            if name in functions and name not in entered:
                entered.add(name)
                waiting += reversed(functions[name].body)
        waiting += reversed(list(ast.iter_child_nodes(node)))


def _called_name(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def _shown(call: ast.Call) -> str:
    """Returns for example `loss.backward()`."""
    owner = call.func.value if isinstance(call.func, ast.Attribute) else None
    name = owner.id if isinstance(owner, ast.Name) else owner.attr if isinstance(owner, ast.Attribute) else ""
    before = f"{name}." if name else ""
    return f"{before}{_called_name(call)}()"
