"""`cifar docs`: lists the pages of the manual, or prints one. Never imports torch."""

import shutil
import sys
from pathlib import Path
from typing import Annotated

import typer

from cifar_cli.errors import UsageError, did_you_mean

FOLDER = Path(__file__).parents[1] / "docs"


def docs(
    topic: Annotated[
        str | None,
        typer.Argument(
            metavar="TOPIC", help="Which page; without a topic, a list.", autocompletion=lambda: list(topics())
        ),
    ] = None,
) -> None:
    """The manual: list its pages, or print one."""
    known = topics()
    if topic is None:
        _list(known)
    elif topic not in known:
        names = ", ".join(known)
        raise UsageError(f"cifar docs: expected one of {names}; found '{topic}'{did_you_mean(topic, known)}")
    else:
        _show(known[topic])


def topics() -> dict[str, Path]:
    """Returns the pages of the manual by topic, such as `data` or `experiments/cnn`; folders come last."""
    paths = {path.relative_to(FOLDER).with_suffix("").as_posix(): path for path in FOLDER.rglob("*.md")}
    return dict(sorted(paths.items(), key=lambda item: (item[0].count("/"), item[0])))


def _list(known: dict[str, Path]) -> None:
    width = max(map(len, known))
    columns = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    for topic, path in known.items():
        line = f"{topic:<{width}}  {_summary(path.read_text(encoding='utf-8'))}"
        print(line if columns is None or len(line) <= columns else f"{line[: columns - 1]}…")
    print("next: cifar docs configuration", file=sys.stderr)


def _summary(page: str) -> str:
    """Returns the paragraph below the page's title, on one line."""
    return " ".join(page.split("\n\n")[1].split())


def _show(path: Path) -> None:
    """Prints a page: rendered on a terminal, else byte for byte."""
    text = path.read_text(encoding="utf-8")
    if sys.stdout.isatty():
        from rich.markdown import Markdown

        from cifar_cli.console.streams import results

        results().print(Markdown(text))
    else:
        print(text, end="")
