"""Says whether a root holds a person's own images, without opening any."""

from dataclasses import dataclass
from pathlib import Path

from cifar_cli.data.datasets.folder_listing import absolute_root, list_folder
from cifar_cli.data.datasets.listed_file import ListingError
from cifar_cli.data.datasets.locate import holds_dataset, locate_root
from cifar_cli.data.datasets.open_dataset import find_dataset
from cifar_cli.data.datasets.table import DATASETS


@dataclass(frozen=True)
class OwnImages:
    """What was found. images: how many, 0 for a root without them; text: the same for people."""

    images: int
    text: str


def look_for_own_images(root: str | None) -> OwnImages:
    """Returns what a root holds. root: None if the person names none; images of one's own have no default place."""
    if not root:
        return OwnImages(0, "your own images: data.root names their folder")
    folder = absolute_root(root)
    if others := _published_datasets(folder):  # whose folders would look like classes
        return OwnImages(0, f"not there: expected a folder for each class, found {', '.join(others)}")
    try:
        listing = list_folder(folder, val_size=None)
    except ListingError as error:
        return OwnImages(0, f"not there: {error.finding}")
    images, classes = len(listing.files), len(listing.class_names)
    return OwnImages(images, f"there: {images:,} images of {classes:,} classes")


def _published_datasets(folder: Path) -> list[str]:
    sources = {name: find_dataset(name) for name, facts in DATASETS.items() if not facts.is_own}
    return [
        name
        for name, source in sources.items()
        if folder.is_dir() and source.fetch and holds_dataset(locate_root(folder, source), source)
    ]
