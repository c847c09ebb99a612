"""The page of `cifar explain`: whole, without a network, and what it says."""

from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest
import torch
from torch import nn

from cifar_cli.analysis.network_summary import NetworkSummary, summarize_network
from cifar_cli.analysis.trace import trace_forward
from cifar_cli.analysis.worked_example import worked_example
from cifar_cli.errors import RunError
from cifar_cli.report.network_page import write_network_page
from cifar_cli.report.worked_example_values import ExampleImage


class Reader(HTMLParser):
    """Notes the tags with their attributes and the text, and whether each that opens is closed."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "rect"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture
def explained() -> Callable[[], tuple[NetworkSummary, nn.Module, torch.Tensor]]:
    def make() -> tuple[NetworkSummary, nn.Module, torch.Tensor]:
        model = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(256, 10))
        images = torch.rand(2, 3, 8, 8)
        return (
            summarize_network(model, trace_forward(model, images), batch_size=2, image_shape=(3, 8, 8)),
            model,
            images,
        )

    return make


def test_the_page_needs_nothing_but_itself(explained: Callable[..., object], tmp_path: Path) -> None:
    counted, model, images = explained()
    step = trace_forward(model, images, capture="0")[0]
    picture = ExampleImage((images[0] * 255).byte(), "a <test> image", step.receptive_field)
    path = tmp_path / "deep" / "page.html"
    write_network_page(
        path, counted, title="A & B", subtitle="two <layers>", example=("0", worked_example(step), picture)
    )
    page = path.read_text(encoding="utf-8")
    reader = Reader(page)
    assert reader.open == []
    assert {tag for tag, _ in reader.tags} & {"script", "link", "img", "iframe", "object"} == set()
    assert not any({"src", "href"} & attributes.keys() for _, attributes in reader.tags)
    assert "url(" not in page
    assert "@import" not in page
    for words in ("A & B", "two <layers>", "a <test> image", "⌊(8 + 2·1 − 3)/1⌋ + 1 = 8", "10 sums of 256 products"):
        assert words in reader.text
    # Every pixel of the image, and the frame of the 3×3 of them that the number sees.
    assert sum(tag == "rect" for tag, _ in reader.tags) == 64 + 1
    frame = next(attributes for tag, attributes in reader.tags if tag == "rect" and attributes["fill"] == "none")
    _, row, column = worked_example(step).place
    assert (frame["x"], frame["y"]) == (str(column - 1), str(row - 1))
    assert (frame["width"], frame["height"]) == ("3", "3")
    assert [entry.name for entry in path.parent.iterdir()] == ["page.html"]


def test_the_frame_of_a_flattened_number_is_where_it_stood(explained: Callable[..., object], tmp_path: Path) -> None:
    counted, model, images = explained()
    step = trace_forward(model, images, capture="2")[2]
    picture = ExampleImage((images[0] * 255).byte(), "an image", step.receptive_field)
    write_network_page(
        tmp_path / "page.html", counted, title="", subtitle="", example=("2", worked_example(step), picture)
    )
    reader = Reader((tmp_path / "page.html").read_text(encoding="utf-8"))
    frame = next(attributes for tag, attributes in reader.tags if tag == "rect" and attributes["fill"] == "none")
    maps = torch.relu(model[0](images))[0]
    _, row, column = torch.unravel_index(maps.argmax(), maps.shape)
    left, right = max(int(column) - 1, 0), min(int(column) + 1, 7)
    top, bottom = max(int(row) - 1, 0), min(int(row) + 1, 7)
    assert [int(frame[key]) for key in ("x", "y", "width", "height")] == [left, top, right - left + 1, bottom - top + 1]


def test_a_page_that_cannot_be_written_gets_a_message(explained: Callable[..., object], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError) as caught:
        write_network_page(tmp_path / "file" / "page.html", explained()[0], title="", subtitle="")
    assert str(caught.value).startswith(f"{tmp_path}/file/page.html: could not be written: ")
    assert str(caught.value).endswith("; a file stands in the place of a folder of this path; move it away")


def test_positive_numbers_are_red_and_negative_ones_blue_as_in_every_picture(tmp_path: Path) -> None:
    layer = nn.Conv2d(1, 1, 2, bias=False)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[[[1.0, -1.0], [0.0, 0.5]]]]))
    model, images = nn.Sequential(layer), torch.tensor([[[[1.0, 0.0], [0.0, 0.0]]]])
    summary = summarize_network(model, trace_forward(model, images), batch_size=1, image_shape=(1, 2, 2))
    step = trace_forward(model, images, capture="0")[0]
    picture = ExampleImage((images[0] * 255).byte(), "an image", step.receptive_field)
    path = tmp_path / "page.html"
    write_network_page(path, summary, title="", subtitle="", example=("0", worked_example(step), picture))
    page = path.read_text(encoding="utf-8")
    # The ends of RdBu_r, as matplotlib has them.
    assert '<td style="background:#67001f;color:#ffffff">1.0000</td>' in page
    assert '<td style="background:#053061;color:#ffffff">−1.0000</td>' in page
    assert "blue: negative, white: 0, red: positive, full at the largest value by size" in Reader(page).text


def test_a_block_is_as_high_as_its_maps_and_as_wide_as_its_channels(
    explained: Callable[..., object], tmp_path: Path
) -> None:
    write_network_page(tmp_path / "page.html", explained()[0], title="", subtitle="")
    reader = Reader((tmp_path / "page.html").read_text(encoding="utf-8"))
    styles = [
        attributes["style"]
        for tag, attributes in reader.tags
        if tag == "div" and "height:" in str(attributes.get("style"))
    ]
    sizes = [dict(part.split(":") for part in str(style).split(";")) for style in styles]
    heights = [int(size["height"].removesuffix("px")) for size in sizes]
    widths = [int(size["width"].removesuffix("px")) for size in sizes]
    # The image 3×8×8, the convolution 4×8×8, 256 flattened numbers, 10 scores: 3.2 pixels a pixel, 1/3 a channel.
    assert heights == [26, 26, 3, 3]
    assert widths == [6 + 1, 6 + 1, 6 + 85, 6 + 3]


def test_every_cell_of_a_step_has_its_columns_name_for_a_narrow_screen(
    explained: Callable[..., object], tmp_path: Path
) -> None:
    write_network_page(tmp_path / "page.html", explained()[0], title="", subtitle="")
    reader = Reader((tmp_path / "page.html").read_text(encoding="utf-8"))
    names = [attributes["data-name"] for tag, attributes in reader.tags if tag == "td" and "data-name" in attributes]
    assert names[:8] == ["gives", "because", "parameters", "FLOPs", "time", "sees", "stride", "memory"]
    assert len(names) == 8 * 4 + 4  # four steps, and the totals
