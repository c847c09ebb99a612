"""Recognizes what people write who come from other programs, from Python or from another keyboard, and its mend."""

import ast
import re
from collections.abc import Iterator

from cifar_cli.config.keys import dotted_keys
from cifar_cli.config.layers.table import LAYERS, NoDefault
from cifar_cli.config.messages import format_value
from cifar_cli.config.other_words import is_accumulation, key_called
from cifar_cli.config.yaml.source_locations import Issue, SourceLocation

# Keys of configurations whose values name classes to import, which no configuration of this program does.
FOREIGN_KEYS = {
    "class_path": "PyTorch Lightning",
    "init_args": "PyTorch Lightning",
    "trainer": "PyTorch Lightning",
    "_target_": "hydra",
    "_partial_": "hydra",
    "defaults": "hydra",
    "hydra": "hydra",
}
LOOKALIKES = {
    "：": ("a full-width colon", ":"),
    "，": ("a full-width comma", ","),
    "（": ("a full-width parenthesis", "("),
    "）": ("a full-width parenthesis", ")"),
    "“": ("a curly quote", '"'),
    "”": ("a curly quote", '"'),
    "‘": ("a curly quote", "'"),
    "’": ("a curly quote", "'"),
    "−": ("a minus sign of typesetting", "-"),
    "–": ("a dash", "-"),
    "\u00a0": ("a no-break space", "a plain space"),
    "\u3000": ("a full-width space", "a plain space"),
    "\u200b": ("a zero-width space", "nothing"),
    "\u200c": ("a zero-width character", "nothing"),
    "\u2060": ("a zero-width character", "nothing"),
}
_LAYER_CALL = re.compile(r"(?:torch\.)?(?:nn\.)?(\w+)\s*(\(.*\))?")
_TUPLE = re.compile(r"\(\s*-?\d+(?:\s*,\s*-?\d+)*\s*,?\s*\)")


def full_key(word: str) -> str | None:
    """Returns the key in its section that a word without a section means: `train.epochs` for `epochs`."""
    if key := key_called(word):
        return key
    word = word.replace("-", "_")
    in_sections = [key for key in dotted_keys() if key.count(".") == 1]
    keys = [key for key in in_sections if key.endswith(f".{word}") or key.replace(".", "") == word.replace("_", "")]
    # The training's own key comes before a component's: `patience` is that of early stopping, not that of a schedule.
    return keys[0] if len(keys) == 1 else next((key for key in keys if key.startswith("train.")), None)


def foreign_program(key: str) -> str | None:
    """Returns the program whose configurations have the key, None if it is not known as another program's."""
    return FOREIGN_KEYS.get(key)


def accumulation_mend(key: str, batches: object, *, batch_size: object, is_typed: bool) -> str | None:
    """Returns what to write for a number of accumulated batches, None for another key.

    Elsewhere a step then has so many times `batch_size` images; here data.batch_size is all that a step has. is_typed:
    on the command line.
    """
    if not is_accumulation(key):
        return None
    meaning = "data.batch_size is all the images of a step, computed train.micro_batch_size at a time"
    if not isinstance(batches, int) or not isinstance(batch_size, int):
        return f"write train.micro_batch_size: {meaning}"
    if is_typed:
        return f"write data.batch_size={batches * batch_size} train.micro_batch_size={batch_size}: {meaning}"
    return f"write batch_size: {batches * batch_size} in data and micro_batch_size: {batch_size} in train: {meaning}"


def layer_of_call(text: str) -> str | None:
    """Returns the YAML of a layer that is written as in Python, None for other texts.

    `nn.Conv2d(3, 32, 5, padding=2)` gives `{type: Conv2d, out_channels: 32, kernel_size: 5, padding: 2}`: arguments
    that follow from the layer before are left out.
    """
    match = _LAYER_CALL.fullmatch(text.strip())
    if match is None or match[1] not in LAYERS or text.strip() == match[1]:
        return None
    name, table = match[1], LAYERS[match[1]]
    try:
        call = ast.parse(f"f{match[2] or '()'}", mode="eval").body
        assert isinstance(call, ast.Call)
        given = dict(zip(table, (ast.literal_eval(value) for value in call.args), strict=False))
        given |= {str(keyword.arg): ast.literal_eval(keyword.value) for keyword in call.keywords}
    except (SyntaxError, ValueError):
        return f"{{type: {name}, …}}"
    arguments = {key: value for key, value in given.items() if key in table and not _is_inferred(name, key)}
    missing = [key for key, it in table.items() if it.default is NoDefault.REQUIRED and key not in arguments]
    if not arguments and not missing:
        return name
    written = format_value({"type": name, **arguments}).removesuffix("}")
    return "".join([written, *(f", {key}: …" for key in missing), "}"])


def _is_inferred(layer_type: str, key: str) -> bool:
    return LAYERS[layer_type][key].default is NoDefault.INFERRED


def list_of_tuple(value: object) -> str | None:
    """Returns `[5, 5]` for the text `(5, 5)`; an example for a text that a flow mapping has cut, such as `(5`."""
    if not isinstance(value, str):
        return None
    if _TUPLE.fullmatch(value):
        return f"[{value.strip('() ,')}]"
    return "a list in square brackets, such as [5, 5]" if re.fullmatch(r"\(\s*-?\d+", value) else None


def lookalike_issues(text: str, *, location: str) -> Iterator[Issue]:
    """Yields each kind of character outside comments that only looks like one of YAML's, at its first place."""
    seen: set[str] = set()
    for number, line in enumerate(text.split("\n"), start=1):
        for column, character in enumerate(re.split(r"(?:^|\s)#", line)[0], start=1):
            if character in LOOKALIKES and character not in seen:
                seen.add(character)
                name, plain = LOOKALIKES[character]
                shown = f"'{character}'" if character.isprintable() else f"U+{ord(character):04X}"
                finding = f"found {name}, {shown}, which YAML does not take for {_quoted(plain)}"
                yield Issue((), finding, f"write {_quoted(plain)}", location=SourceLocation(location, number, column))


def _quoted(plain: str) -> str:
    return f"'{plain}'" if len(plain) == 1 else plain
