"""Pictures of how the classes fare: F1 of each, where the worst ones go wrong, and what changed against another
subject.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flows.steps.canvas import BLUE, GREY, ORANGE, RED, blank, png, shorten
from flows.steps.read_answer import OTHER
from infra.contracts.evaluation import ItemResult, Subject

_WORST = 12
"""So many classes, and as many columns, fit into one readable table of confusions."""
_FLIPPING = 20
_INCHES_PER_CLASS = 0.21
_ELSEWHERE, _NO_CLASS = "(another class)", "(no class)"
_MARKS: Mapping[Subject, tuple[str, str]] = {"champion": ("o", ORANGE), "base": ("D", GREY)}


@dataclass(frozen=True)
class ClassScore:
    """One class: its F1 and how many items expect it."""

    name: str
    f1: float
    items: int


def class_scores(items: Sequence[ItemResult]) -> tuple[ClassScore, ...]:
    """Every class that some item expects, the worst F1 first. F1 = 2 TP / (predicted + true)."""
    true, predicted = Counter(item.label for item in items), Counter(item.predicted for item in items)
    hits = Counter(item.label for item in items if item.label == item.predicted)
    scores = [ClassScore(name, 2 * hits[name] / (count + predicted[name]), count) for name, count in true.items()]
    return tuple(sorted(scores, key=lambda score: (score.f1, score.name)))


def per_class_plot(items: Sequence[ItemResult], others: Mapping[Subject, Sequence[ItemResult]], title: str) -> bytes:
    """F1 of every class, the worst at the top; those of base and champion on the same line where there are any."""
    scores = class_scores(items)
    theirs = {name: {score.name: score.f1 for score in class_scores(found)} for name, found in others.items()}
    figure, axes = blank(9.0, 1.7 + _INCHES_PER_CLASS * max(len(scores), 4))
    places = list(range(len(scores)))
    every = [[score.f1, *(f1s.get(score.name, 0.0) for f1s in theirs.values())] for score in scores]
    axes.hlines(places, [min(row) for row in every], [max(row) for row in every], color=GREY, linewidth=1, zorder=1)
    for name, f1s in theirs.items():
        mark, colour = _MARKS[name]
        found = [f1s.get(score.name, 0.0) for score in scores]
        axes.scatter(found, places, s=34, marker=mark, facecolors="white", edgecolors=colour, label=name, zorder=2)
    axes.scatter([score.f1 for score in scores], places, s=26, color=BLUE, label="candidate", zorder=3)
    axes.set_yticks(places, [f"{shorten(score.name, 48)} ({score.items})" for score in scores], fontsize=8)
    axes.set_ylim(len(scores) - 0.3, -0.7)
    # In steps of 0.2, so that runs compare at a glance: a dot needs no zero to be read against.
    worst = min(min(row) for row in every)
    axes.set_xlim(math.floor(worst * 5) / 5 - 0.01, 1.01)
    axes.set_xlabel("F1 (0 to 1)")
    axes.set_ylabel("class (held-out items)")
    mean = sum(score.f1 for score in scores) / len(scores)
    axes.axvline(mean, color=BLUE, linewidth=1, linestyle=":", zorder=0, label=f"candidate's mean {mean:.3f}")
    axes.set_title(f"{title}\nF1 of {len(scores)} classes", loc="left")
    axes.grid(axis="x", alpha=0.3)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=4, frameon=False)
    return png(figure)


def confusion_plot(items: Sequence[ItemResult], title: str) -> bytes:
    """What the items of the worst classes were answered with: a row per class, a column per answer, counts in the
    cells.
    """
    scores = class_scores(items)
    worst = [score.name for score in scores[:_WORST]]
    rows = {name: Counter(item.predicted for item in items if item.label == name) for name in worst}
    answered: Counter[str] = sum(rows.values(), Counter())
    # The classes themselves first, so that the right answers lie on the diagonal, then what they are mistaken for.
    mistaken = [name for name, _ in answered.most_common() if name not in worst and name != OTHER]
    columns = [*worst, *mistaken[: _WORST // 2]]
    left = mistaken[_WORST // 2 :]
    cells = [[rows[name][column] for column in columns] for name in worst]
    if left:
        cells = [[*row, sum(rows[name][column] for column in left)] for name, row in zip(worst, cells, strict=True)]
        columns.append(_ELSEWHERE)
    if answered[OTHER]:
        cells = [[*row, rows[name][OTHER]] for name, row in zip(worst, cells, strict=True)]
        columns.append(_NO_CLASS)
    which = f"the {len(worst)} worst of {len(scores)} classes" if len(worst) < len(scores) else "every class"
    figure, axes = blank(max(9.0, 4.2 + 0.42 * len(columns)), 3.6 + 0.36 * len(worst))
    # Light to mid blue only, so that black figures stay readable on every cell.
    axes.imshow(cells, cmap="Blues", vmin=0, vmax=2 * max(1, *(max(row) for row in cells)), aspect="auto")
    for y, row in enumerate(cells):
        for x, count in enumerate(row):
            if count:
                wrong = columns[x] != worst[y]
                axes.text(x, y, str(count), ha="center", va="center", fontsize=9, color=RED if wrong else "black")
    axes.set_yticks(range(len(worst)), [f"{shorten(name)} ({sum(rows[name].values())})" for name in worst], fontsize=8)
    axes.set_xticks(range(len(columns)), [shorten(name, 34) for name in columns], fontsize=8)
    axes.tick_params(axis="x", labelrotation=55)
    for label in axes.get_xticklabels():
        label.set(rotation_mode="anchor", ha="right")
    axes.set_xlabel("answered")
    axes.set_ylabel("expected (held-out items)")
    axes.set_title(f"{title}\nanswers to {which} (items; red: wrong)", loc="left", fontsize=11)
    return png(figure)


def flips_plot(items: Sequence[ItemResult], against: Sequence[ItemResult], other: Subject, title: str) -> bytes:
    """Which items the candidate gained and lost against another subject: in all, and per class where they have one."""
    from matplotlib.ticker import MaxNLocator

    pairs = list(zip(items, against, strict=True))
    gained = Counter(ours.label for ours, theirs in pairs if ours.exact_match > theirs.exact_match)
    lost = Counter(ours.label for ours, theirs in pairs if ours.exact_match < theirs.exact_match)
    both = sum(ours.exact_match == theirs.exact_match == 1 for ours, theirs in pairs)
    gains, losses = gained.total(), lost.total()
    names = sorted({*gained, *lost}, key=lambda name: (-(gained[name] + lost[name]), name))[:_FLIPPING]
    places = list(range(len(names)))
    figure, axes = blank(9.0, 2.2 + 0.26 * max(len(names), 3))
    axes.barh(places, [gained[name] for name in names], color=BLUE, label=f"gained: wrong by {other}, right now")
    axes.barh(places, [-lost[name] for name in names], color=RED, label=f"lost: right by {other}, wrong now")
    axes.axvline(0, color="black", linewidth=0.8)
    axes.set_yticks(places, [shorten(name) or "(all items)" for name in names], fontsize=8)
    axes.set_ylim(max(len(names), 3) - 0.4, -0.6)
    reach = max([1, *gained.values(), *lost.values()])
    axes.set_xlim(-reach * 1.08, reach * 1.08)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.xaxis.set_major_formatter(lambda value, _: f"{abs(value):.0f}")
    axes.set_xlabel("items")
    shown = f", the {len(names)} classes that changed most" if len(names) < len({*gained, *lost}) else ""
    summary = f"{gains} gained, {losses} lost, {both} right and {len(pairs) - both - gains - losses} wrong in both"
    axes.set_title(f"{title}\ncandidate against {other}{shown}\n{summary}", loc="left", fontsize=11)
    axes.grid(axis="x", alpha=0.3)
    if not names:
        axes.text(0, 1, "no item changed", ha="center", va="center", backgroundcolor="white")
        return png(figure)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=2, frameon=False)
    return png(figure)
