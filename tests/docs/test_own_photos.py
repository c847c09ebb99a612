"""The two minutes with one's own photos, of the page on data: the configuration and the commands run as they stand."""

import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parents[2] / "cifar_cli" / "docs" / "data.md"
CHAPTER = PAGE.read_text(encoding="utf-8").partition("## Your own photos in two minutes\n")[2].partition("\n## ")[0]


def test_the_commands_run_in_order_on_the_configuration(
    photos: Path, cifar: Callable[..., Any], tmp_path: Path
) -> None:
    (configuration,) = re.findall(r"```yaml\n(.*?)```", CHAPTER, re.DOTALL)
    (commands,) = re.findall(r"```bash\n(.*?)```", CHAPTER, re.DOTALL)
    (tmp_path / "photos.yaml").write_text(configuration)
    (tmp_path / "photos").symlink_to(photos)
    verified, trained, measured, drawn = [shlex.split(line)[1:] for line in commands.splitlines()]
    assert (
        cifar(*verified).out
        == "train: 54 images of 3 classes\nval: 6 images of 3 classes\ntest: 12 images of 3 classes\n"
    )
    assert cifar(*trained, "train.epochs=2", "train.device=cpu").code == 0
    assert "crate box" in cifar(*measured).out
    assert cifar(*drawn).code == 0
    assert len(list((tmp_path / "logs").rglob("*.png"))) >= 2
