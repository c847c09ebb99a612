"""Decodes an image file of any format that Pillow reads, of any size and kind, into a square of RGB pixels."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

Pixels = npt.NDArray[np.uint8]

WHITE = (255, 255, 255, 255)
MAX_ASPECT_RATIO = 50  # more is cut off before resizing, which would need memory for all of it
PHONE_FORMATS = (".heic", ".heif", ".avif")
PHONE_BRANDS = (b"heic", b"heix", b"mif1", b"msf1", b"avif")  # ISO/IEC 23008-12: after `ftyp`, from the 5th byte on


class UnreadableImageError(Exception):
    """A file that cannot be decoded. Its text continues a sentence that begins with the file's name."""


def decode_image(path: Path, *, size: int) -> Pixels:
    """Returns the picture as uint8 (3, size, size): its shorter side resized to `size`, and its middle square.

    It is turned as its EXIF orientation says. Grey, palette and CMYK become RGB, transparent parts white, 16 bits 8
    bits; of an animation the first frame counts. The file's content decides its format, not its name.
    Raises UnreadableImageError.
    """
    try:
        with path.open("rb") as file, Image.open(file) as image:
            image.load()
            upright = ImageOps.exif_transpose(image)
            square = resize_and_crop(to_rgb(upright), size=size)
    except Exception as error:  # a damaged file can make Pillow's decoders raise anything
        raise UnreadableImageError(_reason(error, path)) from error
    return np.asarray(square).transpose(2, 0, 1)


def to_rgb(image: Image.Image) -> Image.Image:
    """Returns the picture in RGB, over white where it is transparent. Raises UnreadableImageError for float pixels."""
    if image.mode.startswith("I;16") or (image.mode == "I" and image.format == "PNG"):
        # Pillow's own conversion cuts 16 bits off at 255.
        grey = np.asarray(image).astype(np.uint16)
        return Image.fromarray(((grey.astype(np.uint32) + 128) // 257).astype(np.uint8)).convert("RGB")
    if image.mode in ("I", "F"):
        raise UnreadableImageError("has pixels of 32 bits, whose range no file says: save it with 8 or 16 bits")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, WHITE), image).convert("RGB")
    return image.convert("RGB")


def resize_and_crop(image: Image.Image, *, size: int) -> Image.Image:
    """Returns the middle square of the picture with its shorter side resized to `size`, bilinear and antialiased.

    The result equals torchvision's Resize(size) and CenterCrop(size), for an image at most 50 times as long as wide.
    """
    image = _without_far_ends(image)
    width, height = image.size
    short = min(width, height)
    resized = image.resize((int(size * width / short), int(size * height / short)), Image.Resampling.BILINEAR)
    left, top = round((resized.width - size) / 2), round((resized.height - size) / 2)
    return resized.crop((left, top, left + size, top + size))


@contextmanager
def large_images_allowed() -> Iterator[None]:
    """Silences Pillow's warning of large pictures; it still refuses those of more than 179 million pixels."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        yield


def _without_far_ends(image: Image.Image) -> Image.Image:
    width, height = image.size
    longest = MAX_ASPECT_RATIO * min(width, height)
    if max(width, height) <= longest:
        return image
    left, top = max(0, (width - longest) // 2), max(0, (height - longest) // 2)
    return image.crop((left, top, min(width, left + longest), min(height, top + longest)))


def _reason(error: Exception, path: Path) -> str:
    """Returns what is wrong, to continue "photo.jpg …"."""
    if isinstance(error, UnreadableImageError):
        return str(error)
    if isinstance(error, Image.DecompressionBombError):
        return "has too many pixels, more than 179 million"
    if isinstance(error, UnidentifiedImageError):
        if path.stat().st_size == 0:
            return "is empty"
        hint = ""
        if path.suffix.lower() in PHONE_FORMATS:
            hint = ": save it as JPEG or PNG"
        elif _is_phone_picture(path):
            hint = f": a {path.suffix} by its name and HEIC or AVIF by its content; save it as JPEG or PNG"
        return f"is no picture in a format that is known here{hint}"
    if isinstance(error, OSError) and error.strerror:
        return f"cannot be read: {error.strerror}"
    return f"is damaged: {str(error) or type(error).__name__}"


def _is_phone_picture(path: Path) -> bool:
    with path.open("rb") as file:
        head = file.read(12)
    return head[4:8] == b"ftyp" and head[8:] in PHONE_BRANDS
