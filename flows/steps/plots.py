"""The pictures beside a report, as PNG: which there are, the loss of training, and the same curve for a terminal."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from flows.steps.canvas import BLUE, GREY, blank, png
from flows.steps.class_plots import confusion_plot, flips_plot, per_class_plot
from flows.steps.results import read_items
from infra.contracts.adapter import Adapter
from infra.contracts.evaluation import EvaluationReport, Subject
from infra.stores.blobs import Blobs

_BARS = "▁▂▃▄▅▆▇█"


@dataclass(frozen=True)
class Plot:
    """A picture with the file name that it is kept under."""

    name: str
    png: bytes


@dataclass(frozen=True)
class LossPoint:
    """One optimiser step of training."""

    step: int
    loss: float
    """Nats per answer token."""
    tokens_per_s: float


def evaluation_plots(report: EvaluationReport, adapter: Adapter, blobs: Blobs) -> tuple[Plot, ...]:
    """Every picture that there is data for: loss.png, f1-per-class.png, confusions.png, flips-SUBJECT.png. Raises
    StoreError.
    """
    title = report.pipeline
    plots = [Plot("loss.png", loss_plot(read_loss_curve(blobs.get(adapter.figures.loss_curve)), title))]
    candidate = read_items(report, "candidate", blobs)
    rivals: tuple[Subject, ...] = ("champion", "base")
    others = [(name, items) for name in rivals if (items := read_items(report, name, blobs))]
    if candidate and all(item.label for item in candidate):
        plots.append(Plot("f1-per-class.png", per_class_plot(candidate, dict(others), title)))
        plots.append(Plot("confusions.png", confusion_plot(candidate, title)))
    plots += [Plot(f"flips-{name}.png", flips_plot(candidate, items, name, title)) for name, items in others]
    return tuple(plots)


def read_loss_curve(data: bytes) -> tuple[LossPoint, ...]:
    """Reads the trainer's JSON lines of step, loss, lr, tokens_per_s. A loss that is not finite is left out of the
    curve.
    """
    rows = [json.loads(line) for line in data.decode("utf-8").splitlines()]
    points = [LossPoint(int(row["step"]), float(row["loss"]), float(row.get("tokens_per_s", 0))) for row in rows]
    return tuple(point for point in points if math.isfinite(point.loss))


def loss_plot(points: Sequence[LossPoint], title: str) -> bytes:
    """Training loss by step with a running mean; a logarithmic axis where it falls by more than ten times."""
    from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

    figure, axes = blank(8.0, 4.2)
    steps, losses = [point.step for point in points], [point.loss for point in points]
    half = len(points) // 50
    line = (GREY, 0.8) if half else (BLUE, 2.0)
    axes.plot(steps, losses, color=line[0], linewidth=line[1], marker="." if len(points) < 3 else "", label="each step")
    if half:
        means = [_mean(losses[max(0, i - half) : i + half + 1]) for i in range(len(losses))]
        axes.plot(steps, means, color=BLUE, linewidth=2.0, label=f"mean of {2 * half + 1} steps")
    if losses and min(losses) > 0 and max(losses) > 10 * min(losses):
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.yaxis.set_minor_locator(NullLocator())
    speeds = sorted(point.tokens_per_s for point in points if point.tokens_per_s > 0)
    speed = f", {speeds[len(speeds) // 2]:,.0f} tokens/s (median)" if speeds else ""
    axes.set_title(f"{title}\ntraining loss{speed}", loc="left")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("optimiser step")
    axes.set_ylabel("loss (nats per answer token)")
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    return png(figure)


def loss_in_terminal(points: Sequence[LossPoint], *, width: int = 60) -> str:
    """The curve as one line of bars (logarithmic heights), between the means of the first and the last tenth."""
    losses = [point.loss for point in points if point.loss > 0]
    if not losses:
        return "no loss was recorded"
    columns = min(width, len(losses))
    edges = [round(column * len(losses) / columns) for column in range(columns + 1)]
    heights = [math.log(_mean(losses[start:end])) for start, end in pairwise(edges)]
    low, reach = min(heights), (max(heights) - min(heights)) or 1.0
    bars = "".join(_BARS[round((height - low) / reach * (len(_BARS) - 1))] for height in heights)
    tenth = max(1, len(losses) // 10)
    return f"{_mean(losses[:tenth]):.3g} {bars} {_mean(losses[-tenth:]):.3g} nats per answer token"


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
