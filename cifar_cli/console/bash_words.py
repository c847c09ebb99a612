"""Puts together again what bash cuts before it asks for completions."""

from collections.abc import MutableMapping


def join_option_values(environment: MutableMapping[str, str]) -> None:
    """Makes `--config`, `=`, `se` in COMP_WORDS the two words `--config`, `se`, as which click reads an option's value.

    bash cuts words at `=`, and inserts the completion after it. key=value words stay cut: their completion knows them.
    """
    if environment.get("_CIFAR_COMPLETE") != "complete_bash":
        return
    words, cursor = environment.get("COMP_WORDS", "").split("\n"), int(environment.get("COMP_CWORD") or 0)
    for index in range(len(words) - 1, 0, -1):
        if words[index] == "=" and words[index - 1].startswith("--"):
            if index == cursor:  # nothing of the value is typed yet
                words[index] = ""
                continue
            del words[index]
            cursor -= index < cursor
    environment.update(COMP_WORDS="\n".join(words), COMP_CWORD=str(cursor))
