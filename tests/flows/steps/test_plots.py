"""The pictures: nothing is cut off at an edge, equal data give equal bytes, and every size of task can be drawn."""

from __future__ import annotations

import io
import json
import math
import random
from pathlib import Path

import numpy as np
import pytest

from flows.steps.class_plots import class_scores, confusion_plot, flips_plot, per_class_plot
from flows.steps.plots import LossPoint, loss_in_terminal, loss_plot, read_loss_curve
from flows.steps.read_answer import OTHER
from infra.contracts.evaluation import ItemResult
from infra.digest import sha256


def items(classes: int, each: int, accuracy: float, seed: int) -> list[ItemResult]:
    chance = random.Random(seed)
    names = [f"a_rather_long_name_of_a_class_{i:02}" for i in range(classes)]
    results = []
    for i in range(classes * each):
        label = names[i % classes]
        predicted = label if chance.random() < accuracy else chance.choice([*names, OTHER])
        right = predicted == label
        results.append(
            ItemResult(
                row_id=str(i),
                outcome="correct" if right else "wrong",
                label=label,
                predicted=predicted,
                exact_match=float(right),
                json_valid=None,
                rouge_l=0.0,
                chrf=0.0,
                seconds=1.0,
                output_tokens=3,
                mean_logprob=None,
                answer=sha256(b""),
            )
        )
    return results


def pixels(png: bytes) -> np.ndarray:
    from matplotlib.image import imread

    return np.asarray(imread(io.BytesIO(png)))[..., :3]


def is_whole(png: bytes) -> bool:
    """The two outermost pixels on every side are blank: no label runs out of the picture."""
    image = pixels(png)
    edges = [image[:2], image[-2:], image[:, :2], image[:, -2:]]
    return all(bool((edge > 0.99).all()) for edge in edges) and bool((image < 0.5).any())


NAME = "a-pipeline-with-the-longest-name-that-the-contracts-would-allow"
CURVE = tuple(LossPoint(step, 2.5 * math.exp(-step / 40) + 0.1, 430.0) for step in range(1, 400))


@pytest.mark.parametrize(("classes", "each"), [(77, 40), (8, 15), (1, 3)])
def test_class_pictures_are_whole_for_many_and_for_few_classes(classes: int, each: int) -> None:
    ours, theirs = items(classes, each, 0.85, 1), items(classes, each, 0.7, 2)
    assert is_whole(per_class_plot(ours, {"champion": theirs, "base": ours}, NAME))
    assert is_whole(confusion_plot(ours, NAME))
    assert is_whole(flips_plot(ours, theirs, "champion", NAME))


def test_the_picture_of_77_classes_gives_each_a_line_of_its_own() -> None:
    height = len(pixels(per_class_plot(items(77, 10, 0.9, 1), {}, NAME)))
    assert height / 77 >= 14, "at least 14 pixels for a line of 8-point type"


def test_a_perfect_candidate_against_itself_can_be_drawn() -> None:
    perfect = items(5, 4, 1.1, 1)
    assert is_whole(flips_plot(perfect, perfect, "base", NAME))
    assert is_whole(confusion_plot(perfect, NAME))
    assert is_whole(per_class_plot(perfect, {"base": perfect}, NAME))


@pytest.mark.parametrize("points", [CURVE, CURVE[:3], CURVE[:1], ()])
def test_the_loss_can_be_drawn_for_long_and_short_runs(points: tuple[LossPoint, ...]) -> None:
    assert is_whole(loss_plot(points, NAME))


def test_equal_data_give_equal_bytes() -> None:
    assert loss_plot(CURVE, "p") == loss_plot(CURVE, "p") != loss_plot(CURVE[1:], "p")


def test_class_scores_are_scikit_learns() -> None:
    from sklearn.metrics import f1_score

    results = items(7, 20, 0.6, 3)
    truth, predicted = [result.label for result in results], [result.predicted for result in results]
    names = sorted(set(truth))
    expected = dict(zip(names, f1_score(truth, predicted, labels=names, average=None), strict=True))
    scores = class_scores(results)
    assert {score.name: score.f1 for score in scores} == pytest.approx(expected)
    assert [score.f1 for score in scores] == sorted(score.f1 for score in scores)


def test_the_loss_in_a_terminal_falls_from_left_to_right() -> None:
    line = loss_in_terminal(CURVE, width=40)
    first, bars, last, *_ = line.split(" ")
    assert len(bars) == 40 and bars[0] == "█" and bars[-1] == "▁"
    assert list(bars) == sorted(bars, reverse=True)
    assert float(first) > float(last)
    assert loss_in_terminal(()) == "no loss was recorded"


def test_a_loss_that_is_no_number_is_left_out_of_the_curve() -> None:
    lines = [
        {"step": 1, "loss": "2.5", "lr": "0.001", "tokens_per_s": "400"},
        {"step": 2, "loss": "nan"},
        {"step": 3, "loss": 1.5},
    ]
    points = read_loss_curve("\n".join(json.dumps(line) for line in lines).encode())
    assert [(point.step, point.loss, point.tokens_per_s) for point in points] == [(1, 2.5, 400.0), (3, 1.5, 0.0)]


def test_pictures_touch_no_global_state(tmp_path: Path) -> None:
    """Pyplot keeps every figure until it is closed and wants the main thread: the pictures must not go through it."""
    import subprocess
    import sys

    program = (
        "import sys; from flows.steps.plots import LossPoint, loss_plot; loss_plot([LossPoint(1, 1.0, 1.0)], 'p');"
        "sys.exit('matplotlib.pyplot' in sys.modules)"
    )
    root = Path(__file__).parents[3]
    assert subprocess.run([sys.executable, "-c", program], cwd=root, check=False).returncode == 0
