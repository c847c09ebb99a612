"""`cifar data`: downloads datasets, checks their files, and shows the folder that holds them."""

import os
from pathlib import Path
from typing import Annotated

import typer

from cifar_cli.commands.options import check_word
from cifar_cli.data.datasets.table import DATASETS
from cifar_cli.errors import DataError, UsageError

app = typer.Typer(help="Fetch, verify and find the images.", no_args_is_help=True, add_completion=False)


def _checked_name(name: str) -> str:
    check_word(name, DATASETS, place="NAME")
    return name


def _checked_root(root: str | None) -> str | None:
    if root and os.path.exists(root) and not os.path.isdir(root) and not root.endswith(".csv"):
        raise UsageError(f"--root {root}: expected a folder, found a file; name the folder that holds the datasets")
    return root


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
    from cifar_cli.data.datasets.open_dataset import data_root, fetch_dataset, find_dataset

    if _is_own(name):
        print(f"{name} is your own images; there is nothing to fetch")
        print_next_step(wrote=[], next_command=f"cifar data verify {name} --root {root or 'FOLDER'}")
        return
    source, folder = find_dataset(name), data_root(root)
    states = source.file_states(folder)
    if source.fetch is None:
        print(f"{name} is drawn when it is opened; there is nothing to fetch")
    elif all(state == "ok" for state in states.values()):
        print(f"{name} is already in {folder.absolute()}")
    else:
        with download_bar() as bar:
            fetch_dataset(name, root=folder, report=bar)
        print(f"{name}: {len(states)} files are now below {folder.absolute()}")
    print_next_step(wrote=[], next_command=_train_command(name, root))


@app.command()
def verify(name: DatasetName = "cifar10", root: Root = None) -> None:
    """Compare every file of a dataset with its published checksum, or open every picture of your own."""
    from cifar_cli.console.streams import print_next_step
    from cifar_cli.data.datasets.open_dataset import data_root, find_dataset

    if _is_own(name):
        _verify_own(root)
        print_next_step(wrote=[], next_command=_train_command(name, root))
        return
    source, folder = find_dataset(name), data_root(root)
    if source.fetch is None:
        print(f"{name} is drawn when it is opened; there is nothing to verify")
    states = source.file_states(folder)
    for path, state in states.items():
        print(f"{state:8} {path}")
    wrong = sum(state != "ok" for state in states.values())
    if wrong:
        raise DataError(
            f"{folder.absolute()}: expected {len(states)} files of {name}, found {wrong} of them missing or damaged; "
            f"fetch them with: cifar data fetch {name}{_root_option(root)}"
        )
    print_next_step(wrote=[], next_command=_train_command(name, root))


@app.command()
def where(root: Root = None) -> None:
    """Show the folder of the datasets, why it is used, and which datasets it holds."""
    from cifar_cli.console.streams import print_next_step
    from cifar_cli.data.datasets.open_dataset import data_root

    folder = data_root(root)
    print(f"{folder.absolute()} ({_reason(root)})")
    for name, dataset in DATASETS.items():
        print(f"  {name:14} {_own_presence(root) if dataset.is_own else _presence(name, folder)}")
    if _presence("cifar10", folder) == "there":
        command = _train_command("cifar10", root)
    elif _own_presence(root).startswith("there"):
        command = _train_command("folder", root)
    else:
        command = f"cifar data fetch cifar10{_root_option(root)}"
    print_next_step(wrote=[], next_command=command)


def _reason(root: str | None) -> str:
    if root:
        return "as given"
    return "from CIFAR_DATA_DIR" if os.environ.get("CIFAR_DATA_DIR") else "the default; CIFAR_DATA_DIR changes it"


def _presence(name: str, folder: Path) -> str:
    from cifar_cli.data.datasets.open_dataset import find_dataset

    source = find_dataset(name)
    if source.fetch is None:
        return "always there: it is drawn"
    states = source.file_states(folder)
    intact = sum(state == "ok" for state in states.values())
    if intact == len(states):
        return "there"
    if all(state == "missing" for state in states.values()):
        return "not there"
    return f"incomplete: {intact} of {len(states)} files are intact"


def _is_own(name: str) -> bool:
    return name in DATASETS and DATASETS[name].is_own


def _own_presence(root: str | None) -> str:
    from cifar_cli.data.datasets.folder_listing import absolute_root, list_folder
    from cifar_cli.data.datasets.listed_file import ListingError

    if root is None:
        return "your own images: --root or data.root names their folder"
    try:
        listing = list_folder(absolute_root(root), val_size=None)
    except ListingError as error:
        return f"not there: {error.finding}"
    return f"there: {len(listing.files):,} images of {len(listing.class_names)} classes"


def _verify_own(root: str | None) -> None:
    """Prints each split with its classes, and each file that is no picture. Raises DataError if there is one."""
    from cifar_cli.console.decode_bar import decode_bar
    from cifar_cli.console.streams import note, warn
    from cifar_cli.data.datasets.decoded_images import decode_files
    from cifar_cli.data.datasets.folder_listing import absolute_root, list_folder
    from cifar_cli.data.datasets.listed_file import ListingError

    try:
        folder = absolute_root(root)
        listing = list_folder(folder, val_size=None)
    except ListingError as error:
        raise DataError(str(error)) from None
    for text in listing.notes:
        note(text)
    for text in listing.warnings:
        warn(text)
    for split, files in listing.splits.items():
        print(f"{split}: {len(files):,} images of {len({file.label for file in files})} classes")
    with decode_bar() as show:
        unreadable = [image for image in decode_files(listing.files, size=32, on_decoded=show) if image.issue]
    for image in unreadable:
        print(f"{image.file.path}: {image.issue}")
    if unreadable:
        raise DataError(
            f"{folder}: expected {len(listing.files):,} pictures, found {len(unreadable):,} files that are none; "
            f"mend or remove them, or leave them out with data.skip_unreadable=true"
        )


def _root_option(root: str | None) -> str:
    return f" --root {root}" if root else ""


def _train_command(name: str, root: str | None) -> str:
    """Returns the command that trains on a dataset; `sequential` fits only images and classes as of CIFAR-10."""
    if _is_own(name):
        keys = f"data.name={name} data.root={root or 'FOLDER'} data.val_size=null data.batch_size=32"
        return f"cifar train --config cnn {keys}"
    facts, fitting = DATASETS[name], DATASETS["cifar10"]
    fits = (facts.image_shape, facts.num_classes) == (fitting.image_shape, fitting.num_classes)
    words = ["cifar train --config", "sequential" if fits else "cnn"]
    words += [f"data.name={name}"] if name != "cifar10" else []
    words += [f"data.root={root}"] if root else []
    return " ".join(words)
