"""Divides a number of images among classes, in proportion to their sizes."""

from collections.abc import Sequence


def proportional_quotas(counts: Sequence[int], *, total: int) -> list[int]:
    """Returns `total` divided in proportion to `counts`, by the largest remainder method.

    A class gives its last image only if every other class has one left at most.
    """
    size = sum(counts)
    quotas = [total * count // size for count in counts]
    while (missing := total - sum(quotas)) > 0:
        able = [label for label, count in enumerate(counts) if quotas[label] + 1 < count]
        able = able or [label for label, count in enumerate(counts) if quotas[label] < count]
        able.sort(key=lambda label: -(total * counts[label] % size))
        for label in able[:missing]:
            quotas[label] += 1
    return quotas
