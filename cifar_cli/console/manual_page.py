"""Renders a page of the manual for a terminal."""

from typing import ClassVar

from rich.markdown import Markdown, MarkdownElement, TableDataElement
from rich.text import Text


class _WholeCell(TableDataElement):
    """A cell whose words go on in the next line where the column is narrower: rich would cut off an address's end."""

    def __init__(self, justify: str) -> None:
        super().__init__(justify)  # type: ignore[arg-type]
        self.content = Text("", justify=self.justify, overflow="fold")


class ManualPage(Markdown):
    """Markdown in which tables lose nothing in a narrow terminal."""

    elements: ClassVar[dict[str, type[MarkdownElement]]] = {
        **Markdown.elements,
        "td_open": _WholeCell,
        "th_open": _WholeCell,
    }
