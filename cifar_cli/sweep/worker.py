"""A worker process of a sweep: prepares itself, and then trains the trials that it is ordered.

torch is imported only after the number of threads and the GPU are set.
"""

import os
import signal
import sys
import threading
from multiprocessing import connection, parent_process
from multiprocessing.connection import Connection
from types import FrameType

from cifar_cli.heavy_imports import heavy_imports
from cifar_cli.kernels.memory_allocator import keep_freed_memory
from cifar_cli.sweep.trial_messages import WorkerSettings


def work(channel: Connection, settings: WorkerSettings) -> None:
    """Trains trials until the channel is closed."""
    _write_to_log(settings)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    # The coordinating process decides what a Ctrl-C means, and tells its workers by SIGTERM.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    os.environ["OMP_NUM_THREADS"] = str(settings.threads)
    if settings.gpu is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = settings.gpu
    keep_freed_memory()

    with heavy_imports():
        import torch

        from cifar_cli.models.own.build_own import trust
        from cifar_cli.sweep.train_trial import serve_trials
        from cifar_cli.training.graceful_shutdown import ShutdownRequest

    torch.set_num_threads(settings.threads)
    for source in settings.own_sources:
        trust(source)
    shutdown = ShutdownRequest()

    def stop(number: int, frame: FrameType | None) -> None:
        shutdown.signal_number = number

    signal.signal(signal.SIGTERM, stop)
    serve_trials(channel, settings, shutdown)


def _write_to_log(settings: WorkerSettings) -> None:
    """Sends what this process prints to its log file, also from C code."""
    descriptor = os.open(settings.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(descriptor, stream.fileno())
    os.close(descriptor)


def _end_with_parent() -> None:
    """Ends this process at once when the coordinating process has ended, killed perhaps: the run is saved as it is."""
    parent = parent_process()
    assert parent is not None
    connection.wait([parent.sentinel])
    os._exit(1)
