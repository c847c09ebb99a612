"""Decodes the files of a listing, several at once, or takes their pixels from where an earlier start kept them."""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from cifar_cli.data.datasets.decode_image import Pixels, UnreadableImageError, decode_image, large_images_allowed
from cifar_cli.data.datasets.kept_pixels import KeptPixels
from cifar_cli.data.datasets.listed_file import ListedFile

FILES_AT_A_TIME = 256  # those under way are still decoded after a Ctrl-C

FILES_A_REPORT = 16  # photos of 12 million pixels take some seconds

OnDecoded = Callable[[int, int], None]
"""Receives the number of decoded files and of all files."""


@dataclass(frozen=True)
class DecodedImage:
    """A listed file with its pixels, uint8 (3, size, size), or with the reason why it has none."""

    file: ListedFile
    pixels: Pixels | None
    issue: str = ""


def read_images(
    files: Sequence[ListedFile], *, size: int, kept: KeptPixels, on_decoded: OnDecoded | None = None
) -> Iterator[DecodedImage]:
    """Yields every file with its pixels, in order. Decoded pixels are kept in `kept` if the disk allows it."""
    issues = kept.issues()
    if issues is not None:
        pixels = kept.read()
        for file in files:
            issue = issues.get(file.name)
            yield DecodedImage(file, None, issue) if issue else DecodedImage(file, next(pixels))
        return
    with kept.writing() as write:
        for image in decode_files(files, size=size, on_decoded=on_decoded):
            write(image.file.name, image.pixels, image.issue)
            yield image


def decode_files(
    files: Sequence[ListedFile], *, size: int, on_decoded: OnDecoded | None = None
) -> Iterator[DecodedImage]:
    """Yields every file with its pixels, in order. Decodes on all cores: Pillow's decoders run outside the GIL."""
    pool = ThreadPoolExecutor(os.cpu_count())
    try:
        with large_images_allowed():
            for start in range(0, len(files), FILES_AT_A_TIME):
                chunk = files[start : start + FILES_AT_A_TIME]
                for number, image in enumerate(pool.map(partial(_decode, size=size), chunk), start + 1):
                    yield image
                    if on_decoded and (number % FILES_A_REPORT == 0 or number == len(files)):
                        on_decoded(number, len(files))
    finally:
        pool.shutdown(cancel_futures=True)


def _decode(file: ListedFile, *, size: int) -> DecodedImage:
    if file.issue:
        return DecodedImage(file, None, file.issue)
    try:
        return DecodedImage(file, decode_image(file.path, size=size))
    except UnreadableImageError as error:
        return DecodedImage(file, None, str(error))
