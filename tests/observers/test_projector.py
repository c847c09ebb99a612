"""The projector's files, read by TensorBoard's own plugin."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tensorboard.backend.event_processing.data_provider import MultiplexerDataProvider
from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer
from tensorboard.plugins.base_plugin import TBContext
from tensorboard.plugins.projector.projector_plugin import ProjectorPlugin
from torch.utils.tensorboard import SummaryWriter
from werkzeug.test import Client

from cifar_cli.errors import RunError
from cifar_cli.observers.projector import write_projector
from cifar_cli.runs.run_folder import RunFolder, create_run

VECTORS = torch.tensor([[0.5, -1.25, 3e-7], [1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
IMAGES = torch.arange(3 * 3 * 4 * 4, dtype=torch.uint8).view(3, 3, 4, 4)
LOGITS = torch.tensor([[0.0, 0.0], [2.0, 0.0], [-1.0, 3.0]])


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    folder = create_run(tmp_path, "demo")
    write(folder)
    return folder


def write(folder: RunFolder) -> None:
    labels = torch.tensor([0, 1, 1])
    write_projector(
        folder, vectors=VECTORS, images=IMAGES, labels=labels, logits=LOGITS, class_names=("cat", "pickup truck")
    )


@pytest.fixture
def page(run: RunFolder) -> Client:
    """The plugin as a server would mount it, over a run that has an events file as every run has."""
    with SummaryWriter(str(run.path)) as writer:
        writer.add_scalar("loss/train", 1.0, 0)
    multiplexer = EventMultiplexer().AddRunsFromDirectory(str(run.path.parent))
    multiplexer.Reload()
    logdir = str(run.path.parent)
    provider = MultiplexerDataProvider(multiplexer, logdir)
    plugin = ProjectorPlugin(TBContext(logdir=logdir, data_provider=provider))
    routes = plugin.get_plugin_apps()

    def app(environ, start_response):  # type: ignore[no-untyped-def]
        return routes[environ["PATH_INFO"]](environ, start_response)

    return Client(app)


def test_the_page_finds_the_points_under_the_runs_own_name(page: Client, run: RunFolder) -> None:
    assert json.loads(page.get("/runs").data) == [run.name]
    (embedding,) = json.loads(page.get(f"/info?run={run.name}").data)["embeddings"]
    assert embedding["tensorName"] == "3 test images, 3 numbers each"
    assert embedding["tensorShape"] == [3, 3]
    assert embedding["sprite"]["singleImageDim"] == [4, 4]


def test_the_page_is_given_the_vectors_the_labels_and_the_images(page: Client, run: RunFolder) -> None:
    where = f"run={run.name}&name=3 test images, 3 numbers each"
    vectors = np.frombuffer(page.get(f"/tensor?{where}").data, dtype=np.float32).reshape(3, 3)
    assert vectors == pytest.approx(VECTORS.numpy(), rel=1e-5)
    assert page.get(f"/metadata?{where}").data.decode().splitlines() == [
        "class\tpredicted\tconfidence\tright",
        "cat\tcat\t0.500\tright",
        "pickup truck\tcat\t0.881\twrong",  # 1 / (1 + e⁻²)
        "pickup truck\tpickup truck\t0.982\tright",  # 1 / (1 + e⁻⁴)
    ]
    assert page.get(f"/sprite_image?{where}").status_code == 200


def test_the_images_lie_row_by_row_in_a_square(run: RunFolder) -> None:
    sheet = torch.from_numpy(np.array(Image.open(run.path / "projector" / "images.png"))).permute(2, 0, 1)
    assert sheet.shape == (3, 8, 8)
    assert torch.equal(sheet[:, :4, 4:], IMAGES[1])
    assert torch.equal(sheet[:, 4:, :4], IMAGES[2])
    assert (sheet[:, 4:, 4:] == 255).all(), "no fourth image"


def test_a_second_time_replaces_the_first(run: RunFolder) -> None:
    before = {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file()}
    write(run)
    assert {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file()} == before


def test_a_folder_that_cannot_be_created_is_an_error(tmp_path: Path) -> None:
    folder = create_run(tmp_path, "demo")
    (folder.path / "projector").write_text("")
    with pytest.raises(RunError) as caught:
        write(folder)
    assert str(caught.value) == (
        f"{folder.path}/projector: could not be made: File exists; "
        f"a file stands in the place of a folder of this path; move it away"
    )
