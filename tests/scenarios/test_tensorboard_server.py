"""A real TensorBoard server over a real run: what a person's browser would be given."""

import json
import re
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
Ask = Callable[[str], bytes]


@pytest.fixture(scope="module")
def ask(trained: tuple[Path, Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ask]:
    """Returns a function that asks a server over the finished run's `logs/` for a path, and gives its answer."""
    log = tmp_path_factory.mktemp("tensorboard") / "stderr"
    with log.open("wb") as stderr:
        # Port 0: the system chooses a free one, and the server says which.
        words = ["tensorboard.main", "--logdir", str(trained[0].parent), "--host", "127.0.0.1", "--port", "0"]
        process = subprocess.Popen([sys.executable, "-m", *words], stdout=subprocess.DEVNULL, stderr=stderr)
    opener = build_opener(ProxyHandler({}))  # a proxy of this machine's environment has no business on loopback

    def get(path: str) -> bytes:
        with opener.open(f"{address}data/plugin/{path}", timeout=10) as answer:
            return bytes(answer.read())

    try:
        address = wait_for(lambda: re.search(r"http://127\.0\.0\.1:\d+/", log.read_text()), process).group()
        # It answers before it has read the files.
        wait_for(lambda: json.loads(get("scalars/tags")) and json.loads(get("images/tags")), process)
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
    assert list(tags) == [trained[0].name]
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


def test_the_graph_and_the_configuration_are_there(ask: Ask, trained: tuple[Path, Any]) -> None:
    name = trained[0].name
    assert b"Conv2d[conv1]" in ask(f"graphs/graph?run={name}&conceptual=false")
    assert json.loads(ask("text/tags")) == {name: ["config/text_summary"]}
    assert b"label_smoothing" in ask(f"text/text?run={name}&tag=config/text_summary")
