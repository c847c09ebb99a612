"""One's own photos in the README and on the page on data: the commands run in their order as they stand."""

import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
SMALL = ["train.epochs=1", "train.device=cpu", "model.widths=[8, 8, 8]"]


@pytest.mark.parametrize(
    ("page", "title"),
    [("README.md", "Your own photos"), ("cifar_cli/docs/data.md", "Your own photos in two minutes")],
)
def test_the_commands_run_in_order(
    page: str, title: str, photos: Path, cifar: Callable[..., Any], tmp_path: Path
) -> None:
    chapter = (ROOT / page).read_text(encoding="utf-8").partition(f"## {title}\n")[2].partition("\n## ")[0]
    for configuration in re.findall(r"```yaml\n(.*?)```", chapter, re.DOTALL):
        (tmp_path / "photos.yaml").write_text(configuration)
    (commands,) = re.findall(r"```bash\n(.*?)```", chapter, re.DOTALL)
    (tmp_path / "photos").symlink_to(photos)
    verified, trained, measured, drawn, *asked = [
        shlex.split(line, comments=True)[1:] for line in commands.splitlines()
    ]
    assert (
        cifar(*verified).out
        == "train: 54 images of 3 classes\nval: 6 images of 3 classes\ntest: 12 images of 3 classes\n"
    )
    outcome = cifar(*trained, *SMALL)
    assert outcome.code == 0, outcome.err
    assert "crate box" in cifar(*measured).out
    outcome = cifar(*drawn)
    assert outcome.code == 0, outcome.err
    for words in asked:
        assert "crate box" in cifar(*words).out
    assert len(list((tmp_path / "logs").rglob("*.png"))) >= 2


def test_the_readme_trains_as_the_check_of_the_pictures_proposes(
    photos: Path, cifar: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "photos").symlink_to(photos)
    proposed = cifar("data", "verify", "folder", "--root", "photos").err.splitlines()[-1].removeprefix("next: ")
    assert f"\n{proposed}\n" in (ROOT / "README.md").read_text(encoding="utf-8")
