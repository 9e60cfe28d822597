"""What the demo says: 100 columns, the same with and without a terminal or colours."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

WIDTH = 100
_INDENT = "    "


class Screen:
    """Prints the demo, and keeps the whole output of each command in a file."""

    def __init__(self, outputs: Path, console: Console | None = None, *, on_stderr: bool = False) -> None:
        self._outputs = outputs
        self._console = console or Console(width=WIDTH, highlight=False, markup=False, emoji=False, stderr=on_stderr)
        self._kept = 0

    def title(self, left: str, right: str) -> None:
        self._print(f" {left}{right.rjust(WIDTH - 2 - len(left))}", style="bold")

    def step(self, number: int, says: str) -> None:
        self._print("")
        self._print(f" {number}  {says}", style="bold")

    def command(self, shown: str, seconds: float, note: str = "") -> None:
        """A command as it can be pasted, and how long it took."""
        took = f"{note}  {seconds:.1f} s".strip()
        lines = _continued(f"{_INDENT}$ ", shown.split(" "))
        gap = WIDTH - len(lines[-1]) - len(took)
        if gap < 2:
            lines.append("")
            gap = WIDTH - len(took)
        for line in lines[:-1]:
            self._print(line)
        self._print(f"{lines[-1]}{' ' * gap}{took}")

    def output(self, text: str, name: str, last: int) -> None:
        """The last lines of what a command said."""
        self._kept += 1
        lines = [line.rstrip() for line in text.splitlines() if line.strip()]
        indent = _INDENT if max(map(len, lines), default=0) <= WIDTH - len(_INDENT) else ""
        if len(lines) > last:
            place = self.keep(text, name)
            self._print(f"{_INDENT}(the last {last} of {len(lines)} lines; all of them: {place})")
        for line in lines[-last:]:
            self._print(f"{indent}{line}")

    def keep(self, text: str, name: str) -> Path:
        """A command's whole output, in a file."""
        self._outputs.mkdir(parents=True, exist_ok=True)
        place = self._outputs / f"{self._kept:02}-{name}.txt"
        place.write_text(text, "utf-8")
        return place

    def note(self, *lines: str) -> None:
        for line in lines:
            self._print(f"{_INDENT}{line}")

    def proof(self, line: str) -> None:
        self._print("")
        self._print(f" PROOF  {line}", style="bold")

    def table(self, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Plain columns: the first to the left, numbers to the right."""
        widths = [max(map(len, column)) for column in zip(headings, *rows, strict=True)]
        for row in (headings, *rows):
            cells = [row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True))]
            self._print(_INDENT + "   ".join(cells).rstrip())

    def _print(self, line: str, style: str | None = None) -> None:
        # Soft-wrapped, so that what is printed pastes in one piece.
        self._console.print(line, style=style, soft_wrap=True)


def _continued(start: str, words: Sequence[str]) -> list[str]:
    """A command on lines that fit and still paste: all but the last end in a backslash."""
    lines, line = [], start + words[0]
    for word in words[1:]:
        if len(line) + len(word) + 3 > WIDTH:
            lines.append(f"{line} \\")
            line = " " * len(start) + "  " + word
        else:
            line = f"{line} {word}"
    return [*lines, line]
