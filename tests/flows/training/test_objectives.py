"""The packed, fused computation is the plain one: same loss, same gradient of every trained weight."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import functional

from flows.pipeline import TrainingSpec
from flows.training.batches import TrainingRow, pack
from flows.training.objectives import AnswerLoss
from flows.training.trainer import build_model

SPEC = TrainingSpec(rank=4, alpha=8)


def model(base: Path) -> Any:
    """A model whose adapter is not zero anywhere, so that each of its gradients counts."""
    made = build_model(base, SPEC, "fp32")
    torch.manual_seed(1)
    for name, parameter in made.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.3)
    return made


def made_up(count: int, seed: int) -> list[TrainingRow]:
    chance = random.Random(seed)
    rows = []
    for _ in range(count):
        labels = tuple(chance.randrange(200) for _ in range(chance.randint(1, 4)))
        rows.append(
            TrainingRow(tuple(chance.randrange(200) for _ in range(chance.randint(1, 5))) + labels[:-1], labels)
        )
    return rows


def plain(made: Any, prefix: tuple[int, ...], rows: list[TrainingRow]) -> torch.Tensor:
    """Each row by itself, whole, through the library's own layers."""
    total = torch.zeros(())
    for row in rows:
        logits = made(input_ids=torch.tensor([[*prefix, *row.ids]]), use_cache=False).logits[0, -len(row.labels) :]
        total = total + functional.cross_entropy(logits, torch.tensor(row.labels), reduction="sum")
    return total


def gradients(made: Any) -> dict[str, torch.Tensor]:
    return {name: parameter.grad for name, parameter in made.named_parameters() if parameter.requires_grad}


@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("prefix", [(7, 8, 9, 10, 11), ()])
def test_loss_and_gradients_are_those_of_whole_rows(tiny_base: Path, prefix: tuple[int, ...], fused: bool) -> None:
    rows = made_up(90, seed=4)  # more labels than the logits that are held at once
    reference, packed = model(tiny_base), model(tiny_base)
    expected = plain(reference, prefix, rows)
    expected.backward()
    loss = AnswerLoss(packed, fused=fused)
    found = loss(loss.tensors(pack(prefix, rows), torch.device("cpu")))
    found.backward()
    assert float(found) == pytest.approx(float(expected), rel=1e-5)
    wanted = gradients(reference)
    assert len(wanted) == 28
    for name, gradient in gradients(packed).items():
        scale = float(wanted[name].abs().max())
        assert scale > 0, name
        assert float((gradient - wanted[name]).abs().max()) < 1e-4 * scale, name


def test_frozen_weights_get_no_gradient(tiny_base: Path) -> None:
    loss = AnswerLoss(model(tiny_base), fused=True)
    loss(loss.tensors(pack((1, 2), made_up(3, seed=1)), torch.device("cpu"))).backward()
    frozen = [parameter for parameter in loss.parameters() if not parameter.requires_grad]
    assert frozen
    assert all(parameter.grad is None for parameter in frozen)


def test_a_row_does_not_see_its_neighbours(tiny_base: Path) -> None:
    loss = AnswerLoss(model(tiny_base), fused=True)
    rows = [TrainingRow((5, 6, 7), (9,)), TrainingRow((50, 60, 70), (90,))]
    other = [rows[0], TrainingRow((51, 61, 71), (91,))]
    with torch.no_grad():
        one, two = (loss.logits(loss.tensors(pack((1, 2), pair), torch.device("cpu"))) for pair in (rows, other))
    assert torch.allclose(one[0], two[0], atol=1e-6)
    assert not torch.allclose(one[1], two[1], atol=1e-2)
