"""Removes from findings what nobody wants in a public bug report: the home folder, the user's name, secrets of URLs."""

import os
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from cifar_cli.diagnosis.finding import Finding

USER_VARIABLES = ("USER", "LOGNAME", "USERNAME")


def without_private_parts(finding: Finding) -> Finding:
    """Returns the finding with every text in it redacted."""
    return replace(finding, text=redact(finding.text), mend=redact(finding.mend), values=_redacted(finding.values))


def redact(text: str) -> str:
    """Returns a text with `~` for the home folder, `USER` for the user's folders, and URLs without their secrets.

    A URL loses user, password and query: signed URLs have their key in the query.
    """
    text = re.sub(r"(\w+://)[^/\s]*@", r"\1", text)
    text = re.sub(r"(\w+://[^\s?]+)\?[^\s,;)]+", r"\1?…", text)
    home_folder = Path(os.path.expanduser("~"))  # stays ~ for a user without one
    for home in dict.fromkeys((home_folder, home_folder.resolve())):
        if home.is_absolute() and len(home.parts) > 1:  # not where the home folder is the root of everything
            text = re.sub(rf"{re.escape(str(home))}(?![\w.-])", "~", text)
    for name in {os.environ.get(variable, "") for variable in USER_VARIABLES} - {"", "root"}:
        text = re.sub(rf"(?<=[/\\]){re.escape(name)}(?![\w.-])", "USER", text)
    return text


def _redacted(value: Any) -> Any:
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, Mapping):
        return {key: _redacted(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_redacted(item) for item in value]
    return value
