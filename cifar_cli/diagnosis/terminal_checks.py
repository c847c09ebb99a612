"""Checks of what shows results: the terminal, its encoding, and TensorBoard."""

import codecs
import locale
import shutil
import sys
from pathlib import Path

from cifar_cli.diagnosis.finding import Finding, Situation


def check_terminal(situation: Situation) -> Finding:
    """Returns the width of the terminal, and its colours."""
    terminal = situation.terminal
    if not terminal.is_terminal:
        return Finding("ok", "output goes to a file or a pipe", values={"is_terminal": False})
    values = {"is_terminal": True, "columns": terminal.columns, "colours": terminal.colours}
    return Finding("ok", f"{terminal.columns} columns, colours: {terminal.colours or 'none'}", values=values)


def check_encoding(situation: Situation) -> Finding:
    """Returns the encodings of output and of files."""
    output, preferred = situation.terminal.encoding, locale.getpreferredencoding(False)
    file_names = sys.getfilesystemencoding()
    values = {"output": output, "preferred": preferred, "file_names": file_names}
    text = f"output {output}, files {preferred}, file names {file_names}"
    if codecs.lookup(output).name != "utf-8":
        mend = "export PYTHONUTF8=1, or choose a UTF-8 locale such as LANG=C.UTF-8"
        return Finding("warning", f"{text}; characters that {output} lacks become question marks", mend, values)
    return Finding("ok", text, values=values)


def check_tensorboard(situation: Situation) -> Finding:
    """Returns whether trainings can write for TensorBoard, and whether the program that shows it is found."""
    from importlib import metadata

    try:
        from torch.utils.tensorboard import SummaryWriter  # noqa: F401
    except Exception as error:  # each package that TensorBoard is made of has errors of its own
        lines = str(error).splitlines() or [type(error).__name__]
        mend = "pip install --force-reinstall tensorboard"
        return Finding("problem", f"cannot be imported: {lines[0]}", mend)
    version = metadata.version("tensorboard")
    program = shutil.which("tensorboard")
    values = {"version": version, "program": program}
    if program:
        return Finding("ok", f"{version}, {program}", values=values)
    beside = shutil.which("tensorboard", path=str(Path(sys.executable).parent))
    mend = f"{beside or f'{sys.executable} -m tensorboard.main'} --logdir logs"
    return Finding("warning", f"{version}; no program tensorboard on the PATH", mend, values)
