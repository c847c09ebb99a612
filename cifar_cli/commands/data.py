"""`cifar data`: downloads datasets, checks their files, and shows the folder that holds them."""

from pathlib import Path
from typing import Annotated

import typer

from cifar_cli import formatting
from cifar_cli.commands.options import check_word
from cifar_cli.data.data_root import data_root, data_root_reason
from cifar_cli.data.datasets.table import DATASETS
from cifar_cli.errors import DataError, UsageError
from cifar_cli.shell import expand_path, shell_command

app = typer.Typer(help="Fetch, verify and find the images.", no_args_is_help=True, add_completion=False)


def _checked_name(name: str) -> str:
    check_word(name, DATASETS, place="NAME")
    return name


def _checked_root(root: str | None) -> str | None:
    if not root:
        return root
    folder = expand_path(root, place="--root")
    if folder.is_file() and not folder.name.endswith(".tar.gz"):  # an archive stands for its folder
        raise UsageError(f"--root {root}: expected a folder, found a file; name the folder that holds the datasets")
    return str(folder)


DatasetName = Annotated[
    str,
    typer.Argument(
        metavar="NAME",
        help=f"The dataset: {', '.join(DATASETS)}.",
        autocompletion=lambda: [*DATASETS],
        callback=_checked_name,
    ),
]
Root = Annotated[
    str | None, typer.Option(help="The folder for datasets; else $CIFAR_DATA_DIR, else ./data.", callback=_checked_root)
]


@app.command()
def fetch(name: DatasetName = "cifar10", root: Root = None) -> None:
    """Download a dataset, unless it is there already."""
    from cifar_cli.console.download_bar import download_bar
    from cifar_cli.console.streams import print_next_step
    from cifar_cli.data.datasets.open_dataset import dataset_root, fetch_dataset, find_dataset

    source, folder = find_dataset(name), dataset_root(name, root)
    counts = source.count_states(folder)
    if source.fetch is None:
        print(f"{name} is drawn when it is opened; there is nothing to fetch")
    elif counts["ok"] == counts.total():
        print(f"{name} is already in {folder.absolute()}")
    else:
        with download_bar() as bar:
            fetch_dataset(name, root=folder, report=bar)
        print(f"{name}: {counts.total()} files are now below {folder.absolute()}")
    print_next_step(wrote=[], next_command=_train_command(name, root))


@app.command()
def verify(name: DatasetName = "cifar10", root: Root = None) -> None:
    """Compare every file of a dataset with its published checksum."""
    from cifar_cli.console.streams import print_next_step
    from cifar_cli.data.datasets.open_dataset import dataset_root, find_dataset

    source, folder = find_dataset(name), dataset_root(name, root)
    if source.fetch is None:
        print(f"{name} is drawn when it is opened; there is nothing to verify")
    states = source.file_states(folder)
    for path, state in states.items():
        print(f"{state:8} {path}")
    wrong = sum(state != "ok" for state in states.values())
    if wrong:
        raise DataError(
            f"{folder.absolute()}: expected {len(states)} files of {name}, found {wrong} of them missing or damaged; "
            f"fetch them with: {_fetch_command(name, root)}"
        )
    print_next_step(wrote=[], next_command=_train_command(name, root))


@app.command()
def where(root: Root = None) -> None:
    """Show the folder of the datasets, why it is used, and which datasets it holds."""
    from cifar_cli.console.streams import print_next_step
    from cifar_cli.data.datasets.open_dataset import find_dataset

    folder = data_root(root)
    folder = folder.parent if folder.is_file() else folder
    print(f"{folder.absolute()} ({data_root_reason(root)})")
    presences = {
        name: _presence(name, folder) if find_dataset(name).fetch else "always there: it is drawn" for name in DATASETS
    }
    for name, presence in presences.items():
        print(f"  {name:14} {presence}")
    following = _train_command if presences["cifar10"].startswith("there") else _fetch_command
    print_next_step(wrote=[], next_command=following("cifar10", root))


def _presence(name: str, folder: Path) -> str:
    from cifar_cli.data.datasets.open_dataset import dataset_root, find_dataset

    root = dataset_root(name, folder)
    counts = find_dataset(name).count_states(root)
    if counts["ok"] == counts.total():
        return "there" if root == folder else f"there, in {root.absolute()}"
    if counts["missing"] == counts.total():
        return "not there"
    wrong = " and ".join(f"{counts[state]} {state}" for state in ("damaged", "missing") if counts[state])
    return f"incomplete: {wrong} of {formatting.count(counts.total(), 'file')}"


def _fetch_command(name: str, root: str | None) -> str:
    return shell_command("cifar", "data", "fetch", name, *(["--root", root] if root else []))


def _train_command(name: str, root: str | None) -> str:
    """Returns the command that trains on a dataset; `sequential` fits only images and classes as of CIFAR-10."""
    facts, fitting = DATASETS[name], DATASETS["cifar10"]
    fits = (facts.image_shape, facts.num_classes) == (fitting.image_shape, fitting.num_classes)
    words = ["cifar", "train", "--config", "sequential" if fits else "cnn"]
    words += [f"data.name={name}"] if name != "cifar10" else []
    words += [f"data.root={root}"] if root else []
    return shell_command(*words)
