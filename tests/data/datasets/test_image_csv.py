"""A CSV of path,label: headers, quotes, relative paths, and mistakes with their lines."""

from pathlib import Path

import pytest

from cifar_cli.data.datasets.folder_listing import list_folder
from cifar_cli.data.datasets.image_csv import list_csv
from cifar_cli.data.datasets.listed_file import ListingError


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """The path of a CSV beside a folder with four files."""
    (tmp_path / "in here").mkdir()
    for name in ("a.jpg", "b.jpg", "c,d.jpg", "é.jpg"):
        (tmp_path / "in here" / name).write_bytes(b"x")
    return tmp_path / "labels.csv"


ROWS = 'in here/a.jpg,cat\nin here/b.jpg, dog \n"in here/c,d.jpg",cat\nin here/é.jpg,dog\n'
LISTED = {"in here/a.jpg": "cat", "in here/b.jpg": "dog", "in here/c,d.jpg": "cat", "in here/é.jpg": "dog"}


@pytest.mark.parametrize("head", ["", "path,label\n", "filename,class\n", "\ufeffpath,label\r\n", "\n"])
def test_paths_are_relative_to_the_file_and_the_first_line_may_be_a_header(head: str, table: Path) -> None:
    table.write_text(head + ROWS, encoding="utf-8")
    assert {file.name: file.label for file in list_csv(table)} == LISTED
    assert all(file.path.is_file() for file in list_csv(table))


def test_paths_may_be_absolute(table: Path) -> None:
    table.write_text(f"{table.parent}/in here/a.jpg,cat\nin here/b.jpg,dog\n")
    assert [file.label for file in list_csv(table)] == ["cat", "dog"]


def test_labels_that_are_numbers_are_names(table: Path) -> None:
    table.write_text(ROWS.replace("cat", "1").replace("dog", "0"), encoding="utf-8")
    assert list_folder(table, val_size=None).class_names == ("0", "1")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (ROWS + "in here/a.jpg\n", "labels.csv:5: expected path,label, found 'in here/a.jpg'"),
        (ROWS.replace(",", ";"), "labels.csv:1: expected path,label, found 'in here/a.jpg;cat'"),
        (ROWS + "in here/b.jpg,\n", "labels.csv:5: expected path,label, found 'in here/b.jpg,'"),
        (ROWS + "in here/a.jpg,dog\n", "expected each path once, found in here/a.jpg twice, as cat and as dog"),
        (ROWS + "x.jpg,dog\ny.jpg,cat\n", "found none at 2 of 6 paths: x.jpg, y.jpg; write paths that are there"),
        (ROWS + '"a,b\n', "labels.csv: expected a CSV of path,label in UTF-8, found other content"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_place(text: str, message: str, table: Path) -> None:
    table.write_text(text, encoding="utf-8")
    with pytest.raises(ListingError) as caught:
        list_csv(table)
    assert message in str(caught.value)


@pytest.mark.parametrize("content", ["é".encode("latin-1"), b"PK\x03\x04\0\xff\0"])
def test_another_file_is_no_csv(content: bytes, table: Path) -> None:
    table.write_bytes(content)
    with pytest.raises(ListingError, match=r"labels\.csv: expected a CSV of path,label in UTF-8, found other content"):
        list_csv(table)


def test_a_file_may_begin_with_a_tilde_that_names_no_user(table: Path) -> None:
    (table.parent / "~no-such-user.jpg").write_bytes(b"x")
    table.write_text("~no-such-user.jpg,cat\nin here/b.jpg,dog\n")
    assert [file.path for file in list_csv(table)] == [
        table.parent / "in here/b.jpg",
        table.parent / "~no-such-user.jpg",
    ]
