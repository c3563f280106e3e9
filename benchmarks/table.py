"""Lines -> a Markdown table."""

from typing import Any

HEAD = ("group", "what", "precision", "ours", "theirs", "peer", "ratio [least, most] (rounds)", "CPU", "goal", "note")


def markdown(lines: list[dict[str, Any]], head: bool = True) -> str:
    """One row per line; figures with three digits that count."""
    rows = [" | ".join(HEAD), " | ".join("---" for _ in HEAD)] if head else []
    for line in lines:
        ratio = "" if line["ratio"] is None else f"{line['ratio']:.2f} [{line['low']:.2f}, {line['high']:.2f}] ({line['rounds']})"
        theirs = "" if line["theirs"] is None else figure(line["theirs"], line["unit"])
        cells = (
            line["group"],
            line["name"],
            line["precision"],
            figure(line["ours"], line["unit"]),
            theirs,
            line["peer"],
            ratio,
            _cpu(line.get("cpu")),
            line["goal"],
            line["note"],
        )
        rows.append(" | ".join(cells))
    return "\n".join(f"| {row} |" for row in rows)


def _cpu(seconds: tuple[float, float, float] | None) -> str:
    """`2.31 s / 2.59 s: 1.12`, processor time of ours and theirs, and their ratio; empty where it was not measured."""
    return "" if not seconds else f"{figure(seconds[0], 's')} / {figure(seconds[1], 's')}: {seconds[2]:.2f}"


def figure(value: float, unit: str) -> str:
    """`12.3 s`, `4,510 examples/s`."""
    return f"{value:,.{max(0, 2 - len(str(int(abs(value)))) + 1)}f} {unit}".strip()
