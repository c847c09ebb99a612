"""Checks of the images: which datasets are there and intact, and which mirrors answer."""

import time
from concurrent.futures import ThreadPoolExecutor

from cifar_cli.diagnosis.finding import Finding, Situation
from cifar_cli.errors import CifarError

MIRROR_SECONDS = 10.0  # a server that takes longer to answer is of no use


def check_dataset(name: str, situation: Situation) -> Finding:
    """Returns whether a dataset's files are there, and have their checksums."""
    from cifar_cli.data.data_root import data_root
    from cifar_cli.data.datasets.open_dataset import find_dataset

    source, root = find_dataset(name), data_root(situation.root)
    if source.fetch is None:
        return Finding("ok", "drawn by the program", values={"files": 0, "ok": 0, "missing": 0, "damaged": 0})
    states = source.file_states(root)
    damaged = [path for path, state in states.items() if state == "damaged"]
    missing = sum(state == "missing" for state in states.values())
    intact = len(states) - missing - len(damaged)
    values = {"files": len(states), "ok": intact, "missing": missing, "damaged": len(damaged)}
    fetch = f"cifar data fetch {name}{f' --root {situation.root}' if situation.root else ''}"
    if damaged:
        return Finding("problem", f"damaged: {', '.join(map(str, damaged))}", fetch, values)
    if intact == len(states):
        return Finding("ok", f"{intact} files, intact", values=values)
    if intact:
        return Finding("warning", f"{missing} of {len(states)} files are missing", fetch, values)
    mend = f"{fetch}; a training fetches it too"
    return Finding("warning" if name == "cifar10" else "note", "not there", mend if name == "cifar10" else "", values)


def check_mirrors(name: str, situation: Situation) -> Finding:
    """Returns which of a dataset's mirrors offer the right file. The file itself is not downloaded."""
    from cifar_cli.data.datasets.open_dataset import find_dataset, own_mirrors

    archive = find_dataset(name).archives[0]
    try:
        urls = archive.urls(own_mirrors())
    except CifarError as error:
        return Finding("problem", f"CIFAR_MIRROR: {error}", "write another address, or unset CIFAR_MIRROR")
    with ThreadPoolExecutor(len(urls)) as pool:
        answers = dict(zip(urls, pool.map(lambda url: _ask(url, archive.size_bytes), urls), strict=True))
    return _describe_answers(answers)


def _describe_answers(answers: dict[str, str]) -> Finding:
    """answers: by URL, how long the mirror took, or what went wrong."""
    from cifar_cli.data.download.mirrors import host_of

    by_host = {host_of(url): answer for url, answer in answers.items()}
    good = sum(answer.endswith(" ms") for answer in by_host.values())
    text = f"{good} of {len(by_host)} answer: " + "; ".join(f"{host} {answer}" for host, answer in by_host.items())
    if good:
        return Finding("ok", text, values=by_host)
    mend = "check the network and HTTPS_PROXY, name a mirror with CIFAR_MIRROR, or train with data.name=synthetic"
    return Finding("warning", text, mend, by_host)


def _ask(url: str, size_bytes: int) -> str:
    from cifar_cli.data.download.http import MirrorError, open_at

    started_at = time.perf_counter()
    try:
        open_at(url, offset=0, size_bytes=size_bytes, timeout_seconds=MIRROR_SECONDS).response.close()
    except MirrorError as error:
        return str(error)
    return f"{1000 * (time.perf_counter() - started_at):.0f} ms"
