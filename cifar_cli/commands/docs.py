"""`cifar docs`: lists the pages of the manual, or prints one. Never imports torch."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from cifar_cli.commands.options import check_word
from cifar_cli.console.listing import print_listing

FOLDER = Path(__file__).parents[1] / "docs"


def docs(
    topic: Annotated[
        str | None,
        typer.Argument(
            metavar="TOPIC", help="The page to print; by default, a list.", autocompletion=lambda: list(topics())
        ),
    ] = None,
) -> None:
    """The manual: list its pages, or print one."""
    pages = topics()
    if topic is None:
        summaries = {name: _summary(path.read_text(encoding="utf-8")) for name, path in pages.items()}
        print_listing(summaries, next_command="cifar docs configuration")
    else:
        check_word(topic, pages, place="cifar docs")
        _show(pages[topic])


def topics() -> dict[str, Path]:
    """Returns the pages of the manual by topic, such as `data` or `experiments/cnn`; folders come last."""
    paths = {path.relative_to(FOLDER).with_suffix("").as_posix(): path for path in FOLDER.rglob("*.md")}
    return dict(sorted(paths.items(), key=lambda item: (item[0].count("/"), item[0])))


def _summary(page: str) -> str:
    """Returns the paragraph below the page's title, on one line."""
    return " ".join(page.split("\n\n")[1].split())


def _show(path: Path) -> None:
    """Prints a page: rendered on a terminal, else byte for byte."""
    text = path.read_text(encoding="utf-8")
    if sys.stdout.isatty():
        from cifar_cli.console.manual_page import ManualPage
        from cifar_cli.console.streams import results

        results().print(ManualPage(text))
    else:
        print(text, end="")
