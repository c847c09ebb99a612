"""Decoding an image file: against Pillow's and torchvision's own resizing, and colours worked by hand."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from torchvision.transforms import v2

from cifar_cli.data.datasets.decode_image import UnreadableImageError, decode_image


def noise(width: int, height: int, mode: str = "RGB") -> Image.Image:
    pixels = np.random.RandomState(0).randint(256, size=(height, width, 3), dtype=np.uint8)
    return Image.fromarray(pixels).convert(mode)


def colour_at(path: Path, size: int = 4) -> tuple[int, ...]:
    """Returns the colour in the middle of the decoded picture."""
    return tuple(int(value) for value in decode_image(path, size=size)[:, size // 2, size // 2])


@pytest.mark.parametrize("size", [1, 31, 32, 64])
@pytest.mark.parametrize(("width", "height"), [(32, 32), (100, 75), (75, 100), (333, 50), (20, 21), (1, 1), (64, 2)])
def test_a_picture_equals_torchvisions_resize_and_center_crop(
    width: int, height: int, size: int, tmp_path: Path
) -> None:
    picture = noise(width, height)
    picture.save(tmp_path / "a.png")
    expected = v2.CenterCrop(size)(v2.Resize(size, antialias=True)(picture))
    assert np.array_equal(decode_image(tmp_path / "a.png", size=size), np.asarray(expected).transpose(2, 0, 1))


def test_a_picture_equals_pillows_own_resize_by_area(tmp_path: Path) -> None:
    noise(96, 96).save(tmp_path / "a.png")
    expected = np.asarray(noise(96, 96).resize((32, 32), Image.Resampling.BILINEAR))
    assert np.array_equal(decode_image(tmp_path / "a.png", size=32), expected.transpose(2, 0, 1))


@pytest.mark.parametrize("ending", ["jpg", "png", "webp", "bmp", "gif", "tiff", "ppm"])
def test_each_format_is_read_whatever_its_name(ending: str, tmp_path: Path) -> None:
    Image.new("RGB", (40, 30), (200, 40, 80)).save(tmp_path / f"a.{ending}")
    (tmp_path / f"a.{ending}").rename(tmp_path / "misnamed.jpg")
    assert colour_at(tmp_path / "misnamed.jpg") == pytest.approx((200, 40, 80), abs=3)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photo_is_turned_as_its_exif_orientation_says(orientation: int, tmp_path: Path) -> None:
    # What a viewer shows, by the table of the EXIF standard: the row and the column that are stored first.
    shown = np.zeros((8, 8, 3), np.uint8)
    shown[:4, :4] = (250, 0, 0)
    shown[:4, 4:] = (0, 250, 0)
    undo: dict[int, Callable[[np.ndarray], np.ndarray]] = {
        1: lambda it: it,
        2: np.fliplr,
        3: lambda it: np.rot90(it, 2),
        4: np.flipud,
        5: lambda it: it.swapaxes(0, 1),
        6: lambda it: np.rot90(it, 1),
        7: lambda it: np.rot90(it, 2).swapaxes(0, 1),
        8: lambda it: np.rot90(it, 3),
    }
    stored = Image.fromarray(np.ascontiguousarray(undo[orientation](shown)))
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored.save(tmp_path / "a.png", exif=exif)
    assert np.array_equal(decode_image(tmp_path / "a.png", size=8).transpose(1, 2, 0), shown)


@pytest.mark.parametrize(
    ("picture", "colour"),
    [
        (Image.new("L", (9, 9), 77), (77, 77, 77)),
        (Image.new("1", (9, 9), 1), (255, 255, 255)),
        (Image.new("RGBA", (9, 9), (10, 20, 30, 0)), (255, 255, 255)),  # transparent: white
        (Image.new("RGBA", (9, 9), (0, 0, 0, 51)), (204, 204, 204)),  # a fifth of black over white
        (Image.new("LA", (9, 9), (100, 255)), (100, 100, 100)),
        (Image.fromarray(np.full((9, 9), 77 * 257, np.uint16)), (77, 77, 77)),  # 16 bits: 65535 becomes 255
        (Image.fromarray(np.full((9, 9), 65535, np.uint16)), (255, 255, 255)),
    ],
    ids=lambda value: getattr(value, "mode", None),
)
def test_every_kind_of_pixel_becomes_rgb(picture: Image.Image, colour: tuple[int, ...], tmp_path: Path) -> None:
    picture.save(tmp_path / "a.png")
    assert colour_at(tmp_path / "a.png") == colour


def test_a_palette_has_its_colours_and_its_transparent_one_is_white(tmp_path: Path) -> None:
    picture = Image.new("P", (9, 9), 1)
    picture.putpalette([0, 0, 0, 5, 60, 200])
    picture.save(tmp_path / "opaque.png")
    picture.save(tmp_path / "clear.png", transparency=1)
    assert colour_at(tmp_path / "opaque.png") == (5, 60, 200)
    assert colour_at(tmp_path / "clear.png") == (255, 255, 255)


def test_cmyk_becomes_rgb(tmp_path: Path) -> None:
    Image.new("CMYK", (16, 16), (0, 255, 255, 0)).save(tmp_path / "a.jpg")
    assert colour_at(tmp_path / "a.jpg") == pytest.approx((255, 0, 0), abs=3)


@pytest.mark.parametrize("ending", ["gif", "webp", "png"])
def test_of_an_animation_the_first_frame_counts(ending: str, tmp_path: Path) -> None:
    first, second = (Image.new("RGB", (16, 16), colour) for colour in ((200, 0, 0), (0, 0, 200)))
    first.save(tmp_path / f"a.{ending}", save_all=True, append_images=[second])
    assert colour_at(tmp_path / f"a.{ending}") == pytest.approx((200, 0, 0), abs=3)


def test_a_very_long_picture_takes_no_more_memory_than_its_middle(tmp_path: Path) -> None:
    picture = Image.new("RGB", (200_000, 1), (1, 2, 3))
    picture.paste((9, 9, 9), (99_990, 0, 100_010, 1))
    picture.save(tmp_path / "a.png")
    assert colour_at(tmp_path / "a.png", size=64) == (9, 9, 9)


def jpeg_bytes() -> bytes:
    buffer = io.BytesIO()
    noise(60, 60).save(buffer, "JPEG")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.jpg", b"", "is empty"),
        ("a.jpg", b"no picture", "is no picture in a format that is known here"),
        ("a.HEIC", b"no picture", "is no picture in a format that is known here: save it as JPEG or PNG"),
        (
            "a.jpg",
            b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
            "is no picture in a format that is known here: a .jpg by its name and HEIC or AVIF by its content; save it",
        ),
        ("a.jpg", jpeg_bytes()[:1500], "is damaged: image file is truncated"),
    ],
)
def test_a_file_that_is_no_picture_says_why(name: str, content: bytes, reason: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UnreadableImageError) as caught:
        decode_image(tmp_path / name, size=8)
    assert str(caught.value).startswith(reason)


def test_float_pixels_and_too_many_pixels_and_a_missing_file_say_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Image.fromarray(np.zeros((9, 9), np.float32)).save(tmp_path / "a.tiff")
    with pytest.raises(UnreadableImageError, match="has pixels of 32 bits, whose range no file says"):
        decode_image(tmp_path / "a.tiff", size=8)
    with pytest.raises(UnreadableImageError, match="cannot be read: No such file or directory"):
        decode_image(tmp_path / "b.png", size=8)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    noise(20, 20).save(tmp_path / "c.png")
    with pytest.raises(UnreadableImageError, match="has too many pixels"):
        decode_image(tmp_path / "c.png", size=8)
