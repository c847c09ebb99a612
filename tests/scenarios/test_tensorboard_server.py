"""A real TensorBoard server over real runs: what a person's browser would be given."""

import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

import pytest
from PIL import Image

DEADLINE_SECONDS = 60
RESUMED = "resumed"
RUNS = 3  # two trainings, and the pictures of one of them
Ask = Callable[[str], bytes]


@pytest.fixture(scope="module")
def logs(trained: tuple[Path, Any], cifar_in: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder `logs/` with the finished run, of which a command has drawn pictures, and a run that was resumed."""
    folder = tmp_path_factory.mktemp("tensorboard")
    shutil.copytree(trained[0], folder / "logs" / trained[0].name)
    drawn = cifar_in(folder, "visualize-layer", "conv1", trained[0].name)
    assert drawn.code == 0, drawn.err
    resumed = folder / "logs" / RESUMED
    shutil.copytree(trained[0], resumed)
    # As if its process had been killed at the end of epoch 2: the events of the epoch are there, the checkpoint is not.
    shutil.copy(resumed / "checkpoints" / "previous.pt", resumed / "checkpoints" / "last.pt")
    summary = json.loads((resumed / "summary.json").read_text())
    (resumed / "summary.json").write_text(json.dumps({**summary, "status": "running", "test": None}))
    outcome = cifar_in(folder, "train", "--resume", RESUMED)
    assert outcome.code == 0, outcome.err
    return folder / "logs"


@pytest.fixture(scope="module")
def ask(logs: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ask]:
    """Returns a function that asks a server over `logs` for a path, and gives its answer."""
    log = tmp_path_factory.mktemp("server") / "stderr"
    with log.open("wb") as stderr:
        # Port 0: the system chooses a free one, and the server says which.
        words = ["tensorboard.main", "--logdir", str(logs), "--host", "127.0.0.1", "--port", "0"]
        process = subprocess.Popen([sys.executable, "-m", *words], stdout=subprocess.DEVNULL, stderr=stderr)
    opener = build_opener(ProxyHandler({}))  # a proxy of this machine's environment has no business on loopback

    def get(path: str) -> bytes:
        with opener.open(f"{address}data/plugin/{path}", timeout=10) as answer:
            return bytes(answer.read())

    try:
        address = wait_for(lambda: re.search(r"http://127\.0\.0\.1:\d+/", log.read_text()), process).group()
        # It answers before it has read the files.
        wait_for(lambda: json.loads(get("scalars/tags")) and len(json.loads(get("images/tags"))) == RUNS, process)
        yield get
    finally:
        process.terminate()
        process.wait(timeout=10)


def wait_for(look: Callable[[], Any], process: subprocess.Popen[bytes]) -> Any:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < deadline:
        assert process.poll() is None, "TensorBoard has ended"
        try:
            if found := look():
                return found
        except URLError:
            pass
        time.sleep(0.1)
    raise TimeoutError("TensorBoard has not answered")


def test_the_run_is_one_run_with_the_promised_curves(ask: Ask, trained: tuple[Path, Any]) -> None:
    tags = json.loads(ask("scalars/tags"))
    assert set(tags) == {trained[0].name, RESUMED}
    assert {tag for tag in tags[trained[0].name] if not tag.startswith("activations/")} == {
        "loss/train",
        "loss/val",
        "accuracy/train",
        "accuracy/val",
        "lr",
        "throughput/images_per_second",
    }


def test_a_curve_has_a_point_per_epoch_as_in_metrics_csv(ask: Ask, trained: tuple[Path, Any]) -> None:
    points = json.loads(ask(f"scalars/scalars?run={trained[0].name}&tag=loss/val"))
    rows = (trained[0] / "metrics.csv").read_text().splitlines()[1:]
    assert [(step, value) for _, step, value in points] == [
        (int(row.split(",")[1]), pytest.approx(float(row.split(",")[5]), rel=1e-6)) for row in rows
    ]


def test_the_pictures_are_there_before_training_and_after_each_epoch(ask: Ask, trained: tuple[Path, Any]) -> None:
    name = trained[0].name
    assert set(json.loads(ask("images/tags"))[name]) >= {"features/conv1", "filters/conv1"}
    pictures = json.loads(ask(f"images/images?run={name}&tag=features/conv1&sample=0"))
    assert [picture["step"] for picture in pictures] == [0, 10, 20]
    answers = [ask(f"images/individualImage?{picture['query']}") for picture in pictures]
    for answer in answers:
        with Image.open(BytesIO(answer)) as image:
            image.load()
            assert image.format == "PNG"
            assert min(image.size) > 100
    assert len(set(answers)) == 3  # the same images through a network that learns


def test_the_pictures_that_a_command_draws_are_a_run_beside_the_training(ask: Ask, trained: tuple[Path, Any]) -> None:
    name = f"{trained[0].name}/pictures"
    tags = json.loads(ask("images/tags"))[name]
    assert set(tags) == {"features/conv1", "filters/conv1"}
    (picture,) = json.loads(ask(f"images/images?run={name}&tag=features/conv1&sample=0"))
    with Image.open(BytesIO(ask(f"images/individualImage?{picture['query']}"))) as image:
        image.load()
        assert min(image.size) > 100


@pytest.mark.parametrize("tag", ["loss/train", "loss/val", "accuracy/val", "lr", "throughput/images_per_second"])
def test_the_curves_of_a_resumed_run_have_no_gap_and_no_point_twice(
    ask: Ask, trained: tuple[Path, Any], tag: str
) -> None:
    def steps(run: str) -> list[int]:
        return [step for _, step, _ in json.loads(ask(f"scalars/scalars?run={run}&tag={tag}"))]

    assert steps(RESUMED) == steps(trained[0].name)
    assert steps(RESUMED)[-1] == 20


def test_the_pictures_of_a_resumed_run_are_those_of_a_whole_run(ask: Ask, trained: tuple[Path, Any]) -> None:
    def seen(run: str) -> list[tuple[int, bytes]]:
        pictures = json.loads(ask(f"images/images?run={run}&tag=features/conv1&sample=0"))
        return [(each["step"], ask(f"images/individualImage?{each['query']}")) for each in pictures]

    assert seen(RESUMED) == seen(trained[0].name)


def test_the_graph_and_the_configuration_are_there(ask: Ask, trained: tuple[Path, Any]) -> None:
    name = trained[0].name
    assert b"Conv2d[conv1]" in ask(f"graphs/graph?run={name}&conceptual=false")
    assert json.loads(ask("text/tags"))[name] == ["config/text_summary"]
    assert b"label_smoothing" in ask(f"text/text?run={name}&tag=config/text_summary")
