"""Checks of the images: which datasets are there and intact, and which mirrors answer."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TypedDict

from cifar_cli import formatting
from cifar_cli.diagnosis.finding import Finding, Situation
from cifar_cli.errors import CifarError
from cifar_cli.shell import shell_command

MIRROR_SECONDS = 10.0  # a server that takes longer to answer is of no use


class Answer(TypedDict):
    """Whether a mirror offers the right file; the answer is how long it took, or what went wrong."""

    host: str
    is_right: bool
    answer: str


def check_dataset(name: str, situation: Situation) -> Finding:
    """Returns whether a dataset's files are there, and have their checksums."""
    from cifar_cli.data.datasets.open_dataset import dataset_root, find_dataset

    source, root = find_dataset(name), dataset_root(name, situation.root)
    if source.fetch is None:
        return Finding("ok", "drawn by the program", values={"files": 0, "ok": 0, "missing": 0, "damaged": 0})
    states = source.file_states(root)
    damaged = [path for path, state in states.items() if state == "damaged"]
    missing = sum(state == "missing" for state in states.values())
    intact = len(states) - missing - len(damaged)
    values = {"files": len(states), "ok": intact, "missing": missing, "damaged": len(damaged)}
    fetch = shell_command("cifar", "data", "fetch", name, *(["--root", situation.root] if situation.root else []))
    if damaged:
        return Finding("problem", f"damaged: {', '.join(map(str, damaged))}", fetch, values)
    if intact == len(states):
        return Finding("ok", f"{intact} files, intact", values=values)
    if intact:
        return Finding("warning", f"{missing} of {len(states)} files are missing", fetch, values)
    mend = f"{fetch}; a training fetches it too"
    return Finding("warning" if name == "cifar10" else "note", "not there", mend if name == "cifar10" else "", values)


def check_own_images(situation: Situation) -> Finding:
    """Returns whether a person's own images are in the root. None there is no fault: most people have none."""
    from cifar_cli.data.datasets.own_images import look_for_own_images

    found = look_for_own_images(situation.root)
    return Finding("ok" if found.images else "note", found.text, values={"images": found.images})


def check_mirrors(name: str, situation: Situation) -> Finding:
    """Returns which of a dataset's mirrors offer the right file. The file itself is not downloaded."""
    from cifar_cli.data.datasets.open_dataset import find_dataset, own_mirrors

    archive = find_dataset(name).archives[0]
    try:
        urls = archive.urls(own_mirrors())
    except CifarError as error:
        return Finding("problem", f"CIFAR_MIRROR: {error}", "write another address, or unset CIFAR_MIRROR")
    with ThreadPoolExecutor(len(urls)) as pool:
        answers = list(pool.map(lambda url: _ask(url, archive.size_bytes), urls))
    good = sum(answer["is_right"] for answer in answers)
    texts = [f"{answer['host']} {answer['answer']}" for answer in answers]
    text, values = f"{good} of {len(urls)} offer it: {'; '.join(texts)}", {"mirrors": answers}
    if good:
        return Finding("ok", text, values=values)
    mend = "check the network and HTTPS_PROXY, name a mirror with CIFAR_MIRROR, or train with data.name=synthetic"
    return Finding("warning", text, mend, values)


def _ask(url: str, size_bytes: int) -> Answer:
    from cifar_cli.data.download.http import MirrorError, open_at
    from cifar_cli.data.download.mirrors import host_of

    started_at = time.perf_counter()
    try:
        open_at(url, offset=0, size_bytes=size_bytes, timeout_seconds=MIRROR_SECONDS).response.close()
    except MirrorError as error:
        return Answer(host=host_of(url), is_right=False, answer=str(error))
    return Answer(host=host_of(url), is_right=True, answer=formatting.duration(time.perf_counter() - started_at))
