"""The tables of `xstilts.reporting.transfer`: one per target, a row per intermediate choice."""

from pathlib import Path
from typing import TYPE_CHECKING

from xstilts.reporting.comparison import BASELINE
from xstilts.reporting.gain import Gain
from xstilts.reporting.table import ABSENT, number, plain, signed, write
from xstilts.reporting.transfer import GAP, OTHERS, Block, transfer_blocks

if TYPE_CHECKING:
    from rich.console import Group
    from rich.table import Table

_HEADERS = {"low-resource": "low-\nresource", OTHERS: "mean of\nthe others", GAP: "transfer\ngap"}
GAIN_EXPLAINED = (
    f"gain: over {BASELINE} with the same seed, in brackets its 95 % interval over test items (bootstrap; the translations of "
    "an item are drawn together)"
)
SEEDS_EXPLAINED = "several seeds: means, and in parentheses the gain of the lowest and the highest seed"


def transfer_table(study: Path, width: int | None = None) -> str:
    """The tables of a study's folder as plain text, as wide as they need to be unless `width` is given."""
    blocks = transfer_blocks(study)
    return plain(lambda _: _whole(blocks), width)


def show_transfer(study: Path) -> None:
    """Write them to standard output: styled on a terminal, plain otherwise."""
    blocks = transfer_blocks(study)
    write(lambda _: _whole(blocks))


def _whole(blocks: list[Block]) -> "Group":
    from rich.console import Group, RenderableType
    from rich.text import Text

    parts: list[RenderableType] = []
    for block in blocks:
        parts += [Text(block.title, style="bold"), _table(block)]
    groups = dict.fromkeys(f"{name}: {' '.join(codes)}" for block in blocks for name, codes in block.groups.items() if codes)
    lines = [line for block in blocks for line in block.lines]
    notes = ["; ".join(groups)] if groups else []
    notes += [GAIN_EXPLAINED] if any(line.gains for line in lines) else []
    if any(len(line.seeds) > 1 for line in lines):
        another = " and ".join(f"another {what}" for what in blocks[0].following)
        notes.append(SEEDS_EXPLAINED + (f"; every seed is {another}" if another else ""))
    older = dict.fromkeys(name for block in blocks for name in block.left_out)
    notes += [f"left out, as there is a newer result of the same description: {' '.join(older)}"] if older else []
    return Group(*parts, *map(Text, notes))


def _table(block: Block) -> "Table":
    from rich.box import SIMPLE
    from rich.table import Table
    from rich.text import Text

    shown = [name for name in block.lines[0].scores if any(line.scores[name] is not None for line in block.lines)]
    gained = [name for name in (block.source, OTHERS) if any(name in line.gains for line in block.lines)]
    seeds = any(line.seeds != [1] for line in block.lines)
    table = Table(box=SIMPLE, pad_edge=False)
    table.add_column("intermediate", no_wrap=True, vertical="bottom")
    for name in (["seeds"] if seeds else []) + shown:
        table.add_column(Text(_HEADERS.get(name, name)), justify="right", vertical="bottom")
    for name in gained:
        table.add_column(Text(f"gain\n{name}" if name == block.source else f"gain in the\n{name}"), vertical="bottom")
    for line in block.lines:
        scores = [line.scores[name] for name in shown]
        numbers = [ABSENT if value is None else number(value) for value in scores]
        gains = [_gain(line.gains[name]) if name in line.gains else "" for name in gained]
        told = [" ".join(map(str, line.seeds))] if seeds else []
        table.add_row(*(Text(text) for text in (line.name, *told, *numbers, *gains)))
    return table


def _gain(gain: Gain) -> str:
    text = f"{signed(gain.value)} [{number(gain.low)}, {number(gain.high)}]"
    if len(gain.by_seed) > 1:
        text += f" ({signed(min(gain.by_seed.values()))} to {signed(max(gain.by_seed.values()))})"
    return text
