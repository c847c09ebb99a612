"""`cifar data`: downloads datasets, checks their files, and shows the folder that holds them."""

from pathlib import Path
from typing import Annotated

import typer

from cifar_cli import formatting
from cifar_cli.builders.trust_model import NO_TRUST
from cifar_cli.commands.model_choice import load_config
from cifar_cli.commands.options import Config, check_word, config_words, expand_option, split_words
from cifar_cli.config import warnings as config_warnings
from cifar_cli.config.config_files import DEFAULT_CONFIG
from cifar_cli.data.data_root import data_root, data_root_reason
from cifar_cli.data.datasets.table import DATASETS
from cifar_cli.errors import DataError, UsageError
from cifar_cli.shell import expand_path, shell_command

OWN = [name for name, facts in DATASETS.items() if facts.is_own]

app = typer.Typer(help="Fetch, verify and find the images.", no_args_is_help=True, add_completion=False)


def _checked_name(name: str) -> str:
    check_word(name, DATASETS, place="NAME")
    return name


def _checked_root(root: str | None) -> str | None:
    if not root:
        return root
    path = expand_path(root, place="--root")
    # An archive stands for its folder; a CSV lists a person's own images.
    if path.is_file() and not path.name.endswith((".tar.gz", ".csv")):
        raise UsageError(f"--root {root}: expected a folder, found a file; name the folder that holds the datasets")
    return str(path)


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

    if name in OWN:
        print(f"{name} is your own images; there is nothing to fetch")
        following = shell_command("cifar", "data", "verify", name, "--root", root or "FOLDER")
        print_next_step(wrote=[], next_command=following)
        return
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
    """Compare every file of a dataset with its published checksum, or open every picture of your own."""
    from cifar_cli.console.streams import print_next_step
    from cifar_cli.data.datasets.open_dataset import dataset_root, find_dataset

    if name in OWN:
        _verify_own(root)
        print_next_step(wrote=[], next_command=_train_command(name, root))
        return
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
    from cifar_cli.data.datasets.own_images import look_for_own_images

    folder = data_root(root)
    folder = folder.parent if folder.is_file() else folder
    print(f"{folder.absolute()} ({data_root_reason(root)})")
    presences = {}
    for name, facts in DATASETS.items():
        presences[name] = look_for_own_images(root).text if facts.is_own else _presence(name, folder)
        print(f"  {name:14} {presences[name]}")
    named = next((name for name in ("cifar10", *OWN) if presences[name].startswith("there")), None)
    command = _train_command(named, root) if named else _fetch_command("cifar10", root)
    print_next_step(wrote=[], next_command=command)


@app.command()
def show(
    words: Annotated[
        list[str] | None, typer.Argument(metavar="key=value", help="Changes to the configuration.")
    ] = None,
    config: Config = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="The PNG to write.", callback=expand_option)
    ] = Path("augmentation.png"),
    augment: Annotated[
        bool, typer.Option("--augment/--no-augment", help="Beside each image what augmentation makes of it.")
    ] = True,
) -> None:
    """Draw training images as the network gets them, augmented as a configuration says."""
    name, overrides = split_words(words, of="configuration")
    if name is not None and config is not None:
        raise UsageError(f"cifar data show: expected one configuration, found {config} and {name}; leave one out")
    source = config or name or DEFAULT_CONFIG
    experiment = load_config(source, overrides, NO_TRUST)
    from cifar_cli.console.streams import print_next_step, warn
    from cifar_cli.figures.mosaic import save_picture
    from cifar_cli.inspection.show_augmentation import show_augmentation, show_images

    for text in config_warnings(experiment):
        warn(text)
    save_picture(show_augmentation(experiment) if augment else show_images(experiment), output)
    following = shell_command("cifar", "train", *config_words(source, overrides))
    print_next_step(wrote=[str(output)], next_command=following)


def _presence(name: str, folder: Path) -> str:
    from cifar_cli.data.datasets.open_dataset import dataset_root, find_dataset

    source, root = find_dataset(name), dataset_root(name, folder)
    if source.fetch is None:
        return "always there: it is drawn"
    counts = source.count_states(root)
    if counts["ok"] == counts.total():
        return "there" if root == folder else f"there, in {root.absolute()}"
    if counts["missing"] == counts.total():
        return "not there"
    wrong = " and ".join(f"{counts[state]} {state}" for state in ("damaged", "missing") if counts[state])
    return f"incomplete: {wrong} of {formatting.count(counts.total(), 'file')}"


def _verify_own(root: str | None) -> None:
    """Prints each split with its classes, and each file that is no picture. Raises DataError if there is one."""
    from cifar_cli.console.decode_bar import decode_bar
    from cifar_cli.console.streams import note, warn
    from cifar_cli.data.datasets.decoded_images import decode_files
    from cifar_cli.data.datasets.folder_listing import absolute_root, list_folder
    from cifar_cli.data.datasets.listed_file import ListingError

    if not root:
        raise UsageError("--root: expected the folder of your images, or a CSV of path,label, found nothing; write it")
    try:
        folder = absolute_root(root)
        listing = list_folder(folder, val_size=None)
    except ListingError as error:
        raise DataError(f"--root: {error}") from None
    for text in listing.notes:
        note(text)
    for text in listing.warnings:
        warn(text)
    for split, files in listing.splits.items():
        classes = formatting.count(len({file.label for file in files}), "class")
        print(f"{split}: {formatting.count(len(files), 'image')} of {classes}")
    with decode_bar() as show:
        unreadable = [image for image in decode_files(listing.files, size=32, on_decoded=show) if image.issue]
    for image in unreadable:
        print(f"{image.file.path}: {image.issue}")
    if unreadable:
        raise DataError(
            f"{folder}: expected a picture in each of {formatting.count(len(listing.files), 'file')}, found "
            f"{len(unreadable)} that cannot be read as one, each named above with the reason; mend or remove them, or "
            f"leave them out with data.skip_unreadable=true"
        )


def _fetch_command(name: str, root: str | None) -> str:
    return shell_command("cifar", "data", "fetch", name, *(["--root", root] if root else []))


def _train_command(name: str, root: str | None) -> str:
    """Returns the command that trains on a dataset; `sequential` fits only images and classes as of CIFAR-10."""
    if name in OWN:
        keys = [f"data.name={name}", f"data.root={root or 'FOLDER'}", "data.val_size=null", "data.batch_size=32"]
        return shell_command("cifar", "train", "--config", "cnn", *keys)
    facts, fitting = DATASETS[name], DATASETS["cifar10"]
    fits = (facts.image_shape, facts.num_classes) == (fitting.image_shape, fitting.num_classes)
    words = ["cifar", "train", "--config", "sequential" if fits else "cnn"]
    words += [f"data.name={name}"] if name != "cifar10" else []
    words += [f"data.root={root}"] if root else []
    return shell_command(*words)
