"""Recognizes files that people name in the place of a checkpoint, by their first bytes and their suffix."""

from pathlib import Path

from cifar_cli.shell import shell_command

OLD_TORCH_MAGIC = (
    b"\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19"  # torch.save before version 1.6: a pickle of this number comes first
)

WEB_PAGES = (b"<!doctype html", b"<html")


def begin_with(path: Path) -> str:
    """Returns what a file of weights alone is good for."""
    return f"begin a training with them: {shell_command('cifar', 'train', '--config', 'FILE', '--from', path)}"


def describe_foreign_file(path: Path) -> tuple[str, str] | None:
    """Returns what a file is, and the mend; None for a file of no known kind. Raises OSError."""
    with path.open("rb") as file:
        head = file.read(64)
    if OLD_TORCH_MAGIC in head:
        mend = "save it again with a newer torch: torch.save(torch.load(FILE, weights_only=True), NEW_FILE)"
        return "a checkpoint in torch's format before version 1.6", mend
    if head[8:10] == b'{"':  # eight bytes with the head's length, then the head
        return (
            "a safetensors file, which holds weights without a configuration",
            f"name the run folder that it came from, or {begin_with(path)}",
        )
    if path.suffix in (".yaml", ".yml"):
        return "a configuration", f"write --config {path}"
    if path.suffix == ".py":
        return "a Python file", f"write --model {path}:NAME for a network in it, or name a run folder"
    if path.suffix == ".ipynb":
        return (
            "a notebook",
            f"write its network into a file (jupyter nbconvert --to script {path.name}): --model FILE.py:NAME",
        )
    if head.lstrip().lower().startswith(WEB_PAGES):
        return "a web page", "download the file itself: the page may ask to sign in, or to confirm a large download"
    if head.startswith((b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"BM")):
        return "a picture", "name a run folder, its name under logs, or a checkpoint in it"
    return None
