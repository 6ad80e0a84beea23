"""Training on a small file: only its `train` rows, a head that loads, a card that says where it comes from."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from flows.injection.synthetic import synthetic
from flows.injection.train import Plan, distinct, train
from infra.digest import sha256_file
from infra.errors import BadInput
from infra.injection_head import load_head


def _file(folder: Path, *, labels: tuple[str, ...] = ("benign", "injection")) -> Path:
    rows = [
        {
            "text": f"{each.text} {number}",
            "lang": each.language,
            "label": "injection" if each.attack else "benign",
            "group": each.group,
            "source": f"file-{number % 2}/x",
            "split": "dev" if number % 5 == 0 else "train",
        }
        for number, each in enumerate(synthetic(150, 99))
    ]
    path = folder / "rows.jsonl"
    kept = [row for row in rows if row["label"] in labels]
    path.write_text("".join(json.dumps(row) + "\n" for row in kept), encoding="utf-8")
    return path


def _silent(stage: str, share: float) -> None:
    del stage, share


@pytest.mark.slow
def test_a_small_training_gives_a_head_and_its_card_and_repeats_itself(tmp_path: Path) -> None:
    data = _file(tmp_path)
    figures = train(Plan(data, tmp_path / "one", made=150), _silent)
    again = train(Plan(data, tmp_path / "two", made=150), _silent)
    assert figures == again
    assert (tmp_path / "one" / "head.json").read_bytes() == (tmp_path / "two" / "head.json").read_bytes()
    assert load_head(tmp_path / "one").manifest.scores[-1] == 1.0
    trained_on = {name: attacks + fine for name, attacks, fine in figures.texts}
    assert trained_on["file-0"] + trained_on["file-1"] == 120
    assert [line.name for line in figures.lines] == ["families held out", "without file-0", "without file-1"]
    card = (tmp_path / "one" / "CARD.md").read_text(encoding="utf-8")
    assert str(sha256_file(data)) in card and "{" not in card


def test_a_file_without_attacks_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no attacks"):
        train(Plan(_file(tmp_path, labels=("benign",)), tmp_path / "out", made=10), _silent)


def test_a_line_that_is_no_row_is_named_by_its_number(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"text": "a", "lang": "xx"}\n', encoding="utf-8")
    with pytest.raises(BadInput, match="line 1"):
        train(Plan(path, tmp_path / "out", made=10), _silent)


def test_a_text_that_comes_twice_counts_once_where_it_came_first() -> None:
    once = list(synthetic(20, 1))
    assert distinct([*once, *once]) == list({each.text: each for each in once[::-1]}.values())[::-1]
