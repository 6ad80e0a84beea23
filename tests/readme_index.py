"""The README's index: a line for each tracked file, its first sentence. `python tests/readme_index.py` writes it anew.

A file's sentence is the first of its docstring, or of its leading comment. Where a file has neither (lists, pictures),
the line that stands in the README is kept, and a person writes it.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from itertools import takewhile
from pathlib import Path

ROOT = Path(__file__).parent.parent
ROOMS = ("flows", "services", "policies", "infra", "tests")
HEADING = "## Every file"
_LINE = re.compile(r"^\| `([^`]+)` \| (.*) \|$", flags=re.MULTILINE)
_SECTION = re.compile(r"^### (\w+).*$", flags=re.MULTILINE)


def indexed_files() -> list[str]:
    """Every file that must have a line, in the order of their paths."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    files = [Path(line) for line in listed.splitlines() if (ROOT / line).is_file()]
    return [str(path) for path in files if path.parts[0] in ROOMS and path.name != "__init__.py"]


def index_lines(readme: str) -> dict[str, str]:
    """What the README says of each file."""
    return dict(_LINE.findall(readme.partition(HEADING)[2]))


def sentence_of(path: str) -> str:
    """The file's own first sentence, '' where it has none."""
    text = (ROOT / path).read_bytes().decode("utf-8", errors="replace")
    name = Path(path).name.partition(".")[0]
    if "/broken/" in path:
        what = name.replace("-", " ")
        about = f"What a person is told about `{name}.yaml`" if path.endswith(".txt") else f"Broken on purpose: {what}"
    elif path.endswith(".schema.json"):
        about = f"JSON schema of `{name}` files, for editors; `sluice schema --write` makes it from the types"
    elif path.endswith(".png"):
        about = f"A picture: {name.replace('-', ' ')}"
    elif path.endswith(".py"):
        about = ast.get_docstring(ast.parse(text)) or ""
    elif path.endswith((".yaml", ".yml", ".sh", ".txt")):
        lines = [line for line in text.splitlines()[:8] if not line.startswith(("#!", "# yaml-language-server"))]
        about = " ".join(line.lstrip("# ") for line in takewhile(lambda line: line.startswith("# "), lines))
    elif path.endswith(".md"):
        about = text.partition("\n")[0].lstrip("# ")
    else:
        about = ""
    first = re.split(r"(?<=[.:])\s*\n\s*\n|(?<=\.)\s+(?=[A-Z`])", about.strip(), maxsplit=1)[0]
    return " ".join(first.split()).rstrip(".:").replace("|", r"\|")


def rewritten(readme: str) -> str:
    """The README with its index made anew; its section headings stay."""
    head, _, index = readme.partition(HEADING)
    titles = {found.group(1): found.group(0) for found in _SECTION.finditer(index)}
    known = index_lines(readme)
    parts = [head + HEADING]
    for room in ROOMS:
        files = [path for path in indexed_files() if path.split("/")[0] == room]
        rows = [f"| `{path}` | {sentence_of(path) or known.get(path, '')} |" for path in files]
        parts.append("\n".join([titles.get(room, f"### {room}"), "", "| file | what it holds |", "|---|---|", *rows]))
    return "\n\n".join(parts) + "\n"


def main() -> int:
    """Writes the index; 1 when a file has no sentence yet."""
    readme = ROOT / "README.md"
    text = rewritten(readme.read_text(encoding="utf-8"))
    readme.write_text(text, encoding="utf-8")
    bare = [path for path, about in index_lines(text).items() if not about]
    for path in bare:
        sys.stderr.write(f"{path}: no sentence; write one into README.md\n")
    return 1 if bare else 0


if __name__ == "__main__":
    sys.exit(main())
