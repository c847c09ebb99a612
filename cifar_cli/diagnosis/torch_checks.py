"""Checks of torch: that it can be imported, what `auto` chooses, that it computes correctly, and that it trains."""

import math

from cifar_cli import formatting
from cifar_cli.diagnosis.examiner import describe_error
from cifar_cli.diagnosis.finding import Finding, Situation

REINSTALL = "install it anew: pip install --force-reinstall torch torchvision"


def check_torch(situation: Situation) -> Finding:
    """Returns the version of torch, and whether it can exchange arrays with NumPy."""
    try:
        import torch
    except Exception as error:  # a broken installation raises ImportError, OSError, RuntimeError and more
        return Finding("problem", f"cannot be imported: {describe_error(error)}", REINSTALL)
    built_for = f"CUDA {torch.version.cuda}" if torch.version.cuda else "no CUDA"
    return Finding(
        "ok",
        f"{torch.__version__}, built for {built_for}",
        values={"version": str(torch.__version__), "cuda": torch.version.cuda},
    )


def check_numpy(situation: Situation) -> Finding:
    """Returns whether torch takes NumPy's arrays: with a NumPy of another generation it does not."""
    import numpy
    import torch

    try:
        total = int(torch.from_numpy(numpy.arange(4)).sum())
    except RuntimeError as error:
        text = f"{numpy.__version__} does not work with torch: {describe_error(error)}"
        return Finding("problem", text, "pip install --upgrade numpy torch")
    assert total == 6
    return Finding("ok", f"{numpy.__version__}, shares arrays with torch", values={"version": numpy.__version__})


def check_torchvision(situation: Situation) -> Finding:
    """Returns the version of torchvision, which fits one version of torch only."""
    try:
        import torchvision  # type: ignore[import-untyped]
    except Exception as error:  # as for torch; only `cifar benchmark` needs it
        mend = "only cifar benchmark needs it; install the pair: pip install --force-reinstall torch torchvision"
        return Finding("warning", f"cannot be imported: {describe_error(error)}", mend)
    return Finding("ok", str(torchvision.__version__), values={"version": str(torchvision.__version__)})


def check_auto(situation: Situation) -> Finding:
    """Returns the device and the precision that `auto` chooses, and why."""
    from cifar_cli.hardware import explain_precision
    from cifar_cli.training.runtime import choose_runtime

    runtime = choose_runtime()
    reason = explain_precision(runtime.device)
    values = {"device": runtime.device.type, "precision": runtime.precision, "reason": reason}
    return Finding("ok", f"{runtime.device.type}, {runtime.precision}: {reason}", values=values)


def check_kernels(situation: Situation) -> Finding:
    """Returns which faster ways of computing a training takes on the chosen device, and why not the native ones."""
    from cifar_cli.kernels.cuda_graphs import can_capture
    from cifar_cli.kernels.fast_convolutions import has_faster_kernels
    from cifar_cli.kernels.native_library import native_library
    from cifar_cli.training.runtime import choose_runtime

    runtime = choose_runtime()
    native = native_library() if runtime.device.type == "cpu" else None
    values = {
        "fast_convolutions": has_faster_kernels(runtime.device, runtime.precision),
        "cuda_graphs": can_capture(runtime.device, runtime.precision),
        "native_kernels": native is not None and native.library is not None,
    }
    names = [name.replace("_", " ") for name, is_used in values.items() if is_used]
    text = ", ".join(names) or "those of torch"
    if native is None:
        return Finding("ok", text, values=values)
    said = f"{text} {native.words}" if values["native_kernels"] else f"{text}; no native kernels: {native.words}"
    return Finding("ok", said, values=values | {"native_kernels_found": native.words})


def check_convolutions(situation: Situation) -> Finding:
    """Returns whether convolutions are correct up to rounding, with their gradients."""
    from cifar_cli.diagnosis.trial_convolutions import MAX_ERROR, largest_convolution_error
    from cifar_cli.training.runtime import choose_runtime

    runtime = choose_runtime()
    error, shape = largest_convolution_error(runtime)
    values = {"largest_error": error if math.isfinite(error) else None, "filters": shape}
    text = f"differ from exact ones by at most {formatting.percent(error, decimals=2)}"
    if error <= MAX_ERROR:  # false for NaN, too
        return Finding("ok", text, values=values)
    mend = "train with train.precision=fp32, or with another version of torch"
    return Finding("problem", f"wrong in {runtime.precision}, filters {shape}: {text}", mend, values)


def check_training(situation: Situation) -> Finding:
    """Trains a small network for some seconds, and returns whether its loss falls."""
    if situation.seconds == 0:
        return Finding("note", "not tried, because of --seconds 0")
    from cifar_cli.diagnosis.trial_training import try_training

    trial = try_training(seconds=situation.seconds)
    values = {
        "device": trial.device,
        "precision": trial.precision,
        "steps": trial.steps,
        "first_loss": trial.first_loss if trial.is_finite else None,
        "last_loss": trial.last_loss if trial.is_finite else None,
        "images_per_second": trial.images_per_second,
    }
    figures = f"{formatting.count(trial.steps, 'step')}, loss {trial.first_loss:.3f} → {trial.last_loss:.3f}"
    text = f"{figures}, {trial.images_per_second:,.0f} images/s on {trial.device}, {trial.precision}"
    if trial.is_finite and trial.last_loss < trial.first_loss:
        return Finding("ok", text, values=values)
    mend = "try train.device=cpu train.precision=fp32, and another version of torch"
    return Finding("problem", f"expected a loss that falls, found: {text}", mend, values)
