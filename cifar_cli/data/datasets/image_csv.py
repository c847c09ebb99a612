"""Lists a person's own images from a CSV file of path,label. Imports no torch."""

import csv
import os
from collections.abc import Iterator
from pathlib import Path

from cifar_cli.data.datasets.listed_file import ListedFile, ListingError, class_name, listed_file, shown


def list_csv(path: Path) -> list[ListedFile]:
    """Returns the files of a CSV, sorted by path. Paths are relative to the CSV's folder.

    The first line may be a header: one whose path has no ending, and is no file. Raises ListingError.
    """
    files: dict[str, ListedFile] = {}
    for line, (name, label) in enumerate(_rows(path), start=1):
        target = path.parent / os.path.expanduser(name)  # stays ~name where there is no such user: a file's own name
        if line == 1 and not Path(name).suffix and not target.is_file():
            continue
        file = listed_file(target, name=name, label=class_name(label, place=f"{path}: {name}"))
        if name in files:
            other = files[name].label
            finding = f"{path}: expected each path once, found {name} twice, as {other} and as {label}"
            raise ListingError(finding, "leave out one line")
        files[name] = file
    if missing := [file.name for file in files.values() if not file.path.exists()]:
        finding = (
            f"{path}: expected files, relative to {path.parent}, found none at {len(missing)} of {len(files)} paths"
        )
        raise ListingError(f"{finding}: {shown(missing)}", "write paths that are there")
    return sorted(files.values(), key=lambda file: file.name)


def _rows(path: Path) -> Iterator[tuple[str, str]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            for row in reader:
                cells = [cell.strip() for cell in row]
                if not any(cells):
                    continue
                if len(cells) != 2 or not all(cells):
                    finding = f"{path}:{reader.line_num}: expected path,label, found {','.join(row)!r}"
                    raise ListingError(finding, "write two cells with a comma between them")
                yield cells[0], cells[1]
    except OSError as error:
        raise ListingError(f"{path} cannot be read: {error.strerror}", "check who may read it") from error
    except (csv.Error, UnicodeDecodeError) as error:
        raise ListingError(
            f"{path}: expected a CSV of path,label in UTF-8, found other content: {error}", "save it as that"
        ) from error
