"""Reads what is written behind `--seeds`. Imports no torch, so that a mistake in it is told at once."""

import re
from collections import Counter

from cifar_cli.errors import UsageError

MOST = 1000  # more is a seed that was taken for a number of them
SEED_LIMIT = 2**63  # as of the key `seed`


def parse_seeds(text: str, *, first: int) -> list[int]:
    """Returns the seeds of a list such as `0,3,7`, or as many as a single number says, from `first` on.

    `7,` is a list of one. Raises UsageError for anything else.
    """
    if not re.fullmatch(r"[0-9]{1,19}(, *[0-9]{1,19})*,?", text):
        raise UsageError(f"--seeds: expected how many, or a list of seeds, found '{text}'; {_MEND}")
    if "," not in text:
        count = int(text)
        if not 1 <= count <= MOST:
            raise UsageError(f"--seeds: expected how many, from 1 to {MOST}, found {count}; {_MEND}")
        seeds = list(range(first, first + count))
    else:
        seeds = [int(seed) for seed in text.split(",") if seed]
    if max(seeds) >= SEED_LIMIT:
        raise UsageError(f"--seeds: expected seeds below 2**63, found {max(seeds)}; {_MEND}")
    repeated = [seed for seed, times in Counter(seeds).items() if times > 1]
    if repeated:
        raise UsageError(
            f"--seeds: expected each seed once, found {', '.join(map(str, repeated))} more than once; "
            "leave out the rest"
        )
    return seeds


_MEND = "write for example --seeds 5, or --seeds 0,3,7"
