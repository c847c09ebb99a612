"""Turns an error in a person's own network into a message with the line of the person's file. Imports torch late."""

import linecache
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

from cifar_cli.errors import CifarError, UsageError
from cifar_cli.models.own.layer_mistakes import LayerCall, layer_mistake
from cifar_cli.models.own.own_source import OwnSource, syntax_message
from cifar_cli.models.own.python_mistakes import python_mistake

SHOWN_CHARACTERS = 200


@dataclass(frozen=True)
class OwnFiles:
    """The files of a person's own networks, by the path that their lines have in tracebacks."""

    sources: Mapping[str, OwnSource]

    def is_own(self, path: str) -> bool:
        """Returns whether a path is that of a named file, or of its neighbour, which the file imported."""
        folders = {str(own.path.absolute().parent) for own in self.sources.values()}
        folder, _, _ = path.rpartition("/")
        return path in self.sources or (path.endswith(".py") and folder in folders)


@contextmanager
def translated_errors(files: OwnFiles, own: OwnSource) -> Iterator[None]:
    """Raises a UsageError in the place of an error in the file; an error without a line there names the class."""
    try:
        yield
    except CifarError:
        raise
    except (Exception, SystemExit) as error:  # a person's code may raise anything, and end the program
        place = f"{own.path}:{own.line_of(own.attribute)}"
        raise translate_own_error(error, files) or UsageError(_message(error, place, None, own)) from error


def translate_own_error(error: BaseException, files: OwnFiles) -> UsageError | None:
    """Returns the message for an error that was raised in a person's file or in what it called, None for others."""
    frames = [(frame, line) for frame, line in traceback.walk_tb(error.__traceback__)]
    own = [number for number, (frame, _) in enumerate(frames) if files.is_own(frame.f_code.co_filename)]
    if isinstance(error, SyntaxError) and own:
        return UsageError(syntax_message(error, path=frames[own[-1]][0].f_code.co_filename))
    if not own:
        return None
    frame, line = frames[own[-1]]
    path = frame.f_code.co_filename
    source = files.sources.get(path) or next(iter(files.sources.values()))
    call = _layer_call([inner for inner, _ in frames], after=own[-1])
    code = files.sources[path].line(line) if path in files.sources else linecache.getline(path, line)
    return UsageError(_message(error, f"{path}:{line}", call, source, code=code))


def _message(error: BaseException, place: str, call: LayerCall | None, own: OwnSource, *, code: str = "") -> str:
    known = (layer_mistake(str(error), call) if call else None) or python_mistake(error, own)
    if known:
        return f"{place}: {known}"
    text = " ".join(str(error).split()) or "without a text"
    text = text if len(text) <= SHOWN_CHARACTERS else f"{text[: SHOWN_CHARACTERS - 1]}…"
    where = f"the line `{code.strip()}`" if code.strip() else "the network"
    return f"{place}: {where} failed with {type(error).__name__}: {text}; mend it there, or see more with --debug"


def _layer_call(frames: list[FrameType], *, after: int) -> LayerCall | None:
    """Returns the innermost layer that was called, with its name in the network and the shape of its input."""
    from torch import Tensor, nn

    calls = [
        (frame.f_locals["self"], frame)
        for frame in frames
        if isinstance(frame.f_locals.get("self"), nn.Module) and frame.f_code.co_name == "forward"
    ]
    inner = [module for module, frame in calls if frames.index(frame) > after]
    if not calls:
        return None
    root, root_frame = calls[0]
    layer = inner[-1] if inner else None
    frame = next((frame for module, frame in reversed(calls) if module is layer), root_frame)

    def shape_in(frame: FrameType) -> tuple[int, ...] | None:
        tensors = [given for given in _arguments(frame, frames) if isinstance(given, Tensor)]
        return tuple(tensors[0].shape) if tensors else None

    name = next((name for name, module in root.named_modules() if module is layer), "") if layer is not None else ""
    batch = shape_in(root_frame)
    return LayerCall(name=name, layer=layer, shape=shape_in(frame), batch=batch[0] if batch else None)


def _arguments(forward: FrameType, frames: list[FrameType]) -> list[object]:
    """Returns what a layer was called with.

    That is in the frame of Module.__call__, for forward may have given its own names other values, as `x = fc(x)` does.
    """
    module, before = forward.f_locals["self"], frames[: frames.index(forward)]
    for frame in reversed(before):
        if frame.f_code.co_name == "_wrapped_call_impl" and frame.f_locals.get("self") is module:
            return [*frame.f_locals["args"], *frame.f_locals["kwargs"].values()]
    names = forward.f_code.co_varnames[: forward.f_code.co_argcount]
    return [forward.f_locals.get(name) for name in names]
