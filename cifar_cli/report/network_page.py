"""Writes the explanation of a network as one HTML page that needs no network and no script. Computes nothing."""

from html import escape
from pathlib import Path

from cifar_cli import formatting
from cifar_cli.analysis.network_summary import NetworkSummary
from cifar_cli.analysis.worked_sums import WorkedExample
from cifar_cli.report.network_page_style import STYLE
from cifar_cli.report.worked_example_section import Picture, worked_section
from cifar_cli.runs.atomic_files import write_atomically

KINDS = (  # the first whose word is in a kind gives its colour
    ("conv", "convolution", "#3b6fd4"),
    ("pool", "pooling", "#d98a1f"),
    ("norm", "normalisation", "#8a6bbf"),
    ("linear", "linear", "#1a8f5c"),
    ("add", "sum of branches", "#c2456b"),
)
OTHER = ("", "everything else", "#8d97a5")
PIXELS_PER_PIXEL = 3.2  # of the page, for one of a feature map


def write_network_page(
    path: Path,
    account: NetworkSummary,
    *,
    title: str,
    subtitle: str,
    example: tuple[str, WorkedExample, Picture] | None = None,
) -> None:
    """Writes the page, whole or not at all; folders on the way are made. Raises RunError where it cannot be written."""
    page = _page(account, title=title, subtitle=subtitle, example=example)
    write_atomically(path, lambda file: file.write(page.encode()), make_folders=True)


def _page(
    account: NetworkSummary, *, title: str, subtitle: str, example: tuple[str, WorkedExample, Picture] | None
) -> str:
    worked = worked_section(*example) if example else ""
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>
<style>{STYLE}</style>
</head>
<body>
<header><h1>{escape(title)}</h1><p>{escape(subtitle)}</p></header>
{_figures(account)}
<section><h2>From pixels to scores</h2>
<p>What convolutions, linear layers and all that changes the shape give: as high as the picture, and the wider the more
channels it has.</p>
{_flow(account)}</section>
{worked}
<section><h2>Step by step</h2>{_table(account)}{_legend(account)}</section>
</body>
</html>
"""


def _figures(account: NetworkSummary) -> str:
    totals = account.totals
    trained = totals.trainable_parameters
    cards = [
        (
            "parameters",
            f"{totals.parameters:,}",
            "numbers to learn" if trained == totals.parameters else f"{trained:,} of them trained",
        ),
        ("FLOPs", formatting.si(totals.flops), "per image, forward"),
        ("activations", formatting.binary_bytes(totals.activation_bytes), "per image, fp32"),
        ("forward pass", f"{1000 * totals.seconds:.3g} ms", f"for {account.batch_size} images"),
    ]
    inner = "".join(
        f"<div><span>{name}</span><strong>{value}</strong><small>{note}</small></div>" for name, value, note in cards
    )
    return f'<div class="figures">{inner}</div>'


def _kind(kind: str) -> tuple[str, str, str]:
    return next((known for known in KINDS if known[0] in kind.lower()), OTHER)


def _flow(account: NetworkSummary) -> str:
    """Returns the shapes as blocks: the image, then each step that changes the shape or has weights."""
    stages: list[tuple[str, str, tuple[int, ...], str]] = [("image", "image", account.image_shape, OTHER[2])]
    for line in account.lines:
        computes = _kind(line.kind) in (KINDS[0], KINDS[3])  # convolutions and linear layers
        if line.output_shape and (computes or line.output_shape != stages[-1][2]):
            stages.append((line.name, line.kind, line.output_shape, _kind(line.kind)[2]))
    blocks = "".join(_block(name, kind, sizes, colour) for name, kind, sizes, colour in stages)
    shown = {_kind(line.kind)[1:] for line in account.lines if line.output_shape} | {OTHER[1:]}
    key = "".join(f'<span><i style="background:{colour}"></i>{name}</span>' for name, colour in sorted(shown))
    return f'<div class="flow">{blocks}</div><p class="key">{key}</p>'


def _block(name: str, kind: str, sizes: tuple[int, ...], colour: str) -> str:
    channels = sizes[0]
    height = PIXELS_PER_PIXEL * sizes[1] if len(sizes) == 3 else min(110.0, 12 + channels / 8)
    width = 6 + channels / 3 if len(sizes) == 3 else 7
    style = f"height:{max(height, 4):.0f}px;width:{min(width, 180):.0f}px;background:{colour}"
    return (
        f'<figure title="{escape(name)} ({escape(kind)})"><div style="{style}"></div>'
        f"<figcaption><b>{escape(name)}</b>{formatting.shape(sizes)}</figcaption></figure>"
    )


def _table(account: NetworkSummary) -> str:
    heads = ("step", "gives", "because", "parameters", "FLOPs", "time", "sees", "stride", "memory")
    head = "".join(f"<th>{name}</th>" for name in heads)
    most = {
        "parameters": max((line.parameters for line in account.lines), default=0),
        "flops": max((line.flops for line in account.lines), default=0),
        "share": max((line.time_share for line in account.lines), default=0.0),
        "bytes": max((line.activation_bytes for line in account.lines), default=0),
    }
    rows = []
    for line in account.lines:
        sources = f" <em>from {escape(', '.join(line.inputs))}</em>" if len(line.inputs) == 1 else ""
        colour = _kind(line.kind)[2]
        stride = "·" if line.stride is None else "×".join(dict.fromkeys(f"{side:g}" for side in line.stride))
        rows.append(
            f'<tr><th><i style="background:{colour}"></i>{escape(line.name)}<small>{escape(line.kind)}</small></th>'
            f"<td>{formatting.shape(line.output_shape)}</td><td class=why>{escape(line.formula)}{sources}</td>"
            + _bar(f"{line.parameters:,}" if line.parameters else "·", line.parameters, most["parameters"])
            + _bar(formatting.si(line.flops), line.flops, most["flops"])
            + _bar(formatting.percent(line.time_share), line.time_share, most["share"])
            + f"<td>{line.sees}</td><td>{stride}</td>"
            + _bar(formatting.binary_bytes(line.activation_bytes), line.activation_bytes, most["bytes"])
            + "</tr>"
        )
    totals = account.totals
    foot = (
        f"<tr><th>all</th><td></td><td></td><td>{totals.parameters:,}</td><td>{formatting.si(totals.flops)}</td>"
        f"<td>{1000 * totals.seconds:.3g} ms</td><td></td><td></td><td>{formatting.binary_bytes(totals.activation_bytes)}</td></tr>"
    )
    return (
        f'<div class="wide"><table class="steps"><thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody>'
        f"<tfoot>{foot}</tfoot></table></div>"
    )


def _bar(text: str, value: float, most: float) -> str:
    part = 100 * value / most if most else 0
    return f'<td class="bar" style="--part:{part:.1f}%">{text}</td>'


def _legend(account: NetworkSummary) -> str:
    lines = [
        "FLOPs are counted as torch.utils.flop_counter does: those of convolutions and matrix products, a "
        "multiplication and an addition each one.",
        "Sees: the receptive field, the pixels that one number looks at, those beyond the edge included. Stride: "
        "pixels from one number to its neighbour.",
        "Memory: of what the step gives, per image; a dot where it takes none of its own, because it works in place or "
        f"only reads anew. A batch of {account.batch_size} takes "
        f"{formatting.binary_bytes(account.totals.activation_bytes * account.batch_size)}.",
    ]
    if any("#" in line.name for line in account.lines):
        lines.append("#2: the second time that the layer runs in one pass.")
    if account.totals.unused_parameters:
        lines.append(f"{account.totals.unused_parameters:,} parameters take no part in the pass.")
    return "".join(f"<p class=legend>{escape(line)}</p>" for line in lines)
