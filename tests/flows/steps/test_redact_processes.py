"""Redaction over processes: the same to the byte as in one, in order, in bounded memory; a dead process is told."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import psutil
import pytest

from flows.progress import Silent
from flows.steps.load_guards import read_policy
from flows.steps.redact_file import plan_jobs, redact_file
from flows.steps.redact_processes import RedactionProcesses, close_redactor, open_redactor, processes_for
from flows.steps.redact_texts import Batch
from infra.errors import PartFailed
from policies.policy import GuardrailPolicy, parse_guardrails

LIGHT = """
name: mail
stream: holdback
input:
  - {id: mail, detector: pii, options: {entities: [EMAIL_ADDRESS, ES_NIF]}, action: redact}
output: []
"""


def workers() -> list[psutil.Process]:
    """The redactor's own: servers that tests share are children of this process too."""
    return [child for child in psutil.Process().children() if "redact_worker" in " ".join(child.cmdline())]


@pytest.fixture(scope="module")
def light() -> GuardrailPolicy:
    """A policy without models: quick to load."""
    return parse_guardrails(LIGHT, source="light")


def test_one_process_below_two_thousand_rows_and_all_cores_from_there() -> None:
    assert processes_for(1_999) == 1 and processes_for(2_000) == len(os.sched_getaffinity(0))


KEYED = """
name: keyed
stream: holdback
input:
  - {id: attack, detector: prompt_injection, action: block, message: No.}
  - {id: mail, detector: pii, options: {entities: [{entity: EMAIL_ADDRESS, action: hash}, ES_NIF]}, action: encrypt}
  - {id: keys, detector: secrets, action: block, message: No.}
output:
  - {id: names, detector: pii, action: redact}
"""


@pytest.mark.slow
@pytest.mark.parametrize("processes", [1, 2])
def test_rows_hold_placeholders_and_neither_keys_nor_other_checks_models_are_loaded(
    processes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLUICE_HOME", str(tmp_path / "home"))
    policy = parse_guardrails(KEYED, source="keyed")
    part = policy.redacting()
    assert policy.needs_keys and policy.models == {"injection", "names"}
    assert not part.needs_keys and not part.models and [check.id for check in part.input] == ["mail", "keys"]
    redactor = open_redactor(policy, processes)
    try:
        [one] = redactor.redact_rows(("ana@example.com, 47996692Q, AKIAQ3EGRZ7PLMN2VW4X",), ("es",))
    finally:
        close_redactor(redactor)
    assert one.text == "<EMAIL_ADDRESS>, <ES_NIF>, <API_KEY>"
    assert redactor.policy.digest == policy.digest, "a snapshot names the policy as it was given"
    assert not (tmp_path / "home").exists()


@pytest.mark.slow
def test_the_copy_is_the_same_whatever_the_number_of_processes(tmp_path: Path, shared_data: Path) -> None:
    policy = read_policy("default")
    source = tmp_path / "rows.jsonl"
    lines = (shared_data / "pii" / "es_synthetic.jsonl").read_text(encoding="utf-8").splitlines()[:300]
    lines += (shared_data / "pii" / "en_presidio_research.jsonl").read_text(encoding="utf-8").splitlines()[:300]
    source.write_text("".join(f"{json.dumps({'text': json.loads(line)['text']})}\n" for line in lines))
    copies = []
    for count in (1, 2, 3):
        out = tmp_path / str(count)
        out.mkdir()
        [job] = plan_jobs([source], out, force=False)
        redactor = open_redactor(policy, count)
        try:
            redact_file(job, redactor, Silent())
        finally:
            if isinstance(redactor, RedactionProcesses):
                redactor.close()
        copies.append(job.out.read_bytes())
    assert copies[0] == copies[1] == copies[2] != source.read_bytes()
    assert b"<PERSON>" in copies[0]


@pytest.mark.slow
def test_batches_come_back_in_order_and_few_are_taken_ahead(light: GuardrailPolicy) -> None:
    taken: list[int] = []

    def batches() -> object:
        for number in range(40):
            taken.append(number)
            # The first batches take longest: a redactor that gives what is done first would mix them up.
            yield Batch((f"ana{number}@example.com " * (4_000 if number < 2 else 1),), ("en",), number)

    with RedactionProcesses(light, 2) as redactor:
        for expected, (number, [result]) in enumerate(redactor.redact_batches(batches())):  # type: ignore[arg-type]
            assert number == expected and len(taken) <= expected + 5
            assert result is not None and result.text.startswith("<EMAIL_ADDRESS>")
        [one] = redactor.redact_rows(("DNI 47996692Q",), ("es",))
        assert (one.text, [(span.start, span.end, span.entity) for span in one.spans]) == (
            "DNI <ES_NIF>",
            [(4, 13, "ES_NIF")],
        )
    assert not workers()


@pytest.mark.slow
def test_a_process_that_is_killed_is_told_and_nothing_is_left(light: GuardrailPolicy) -> None:
    with pytest.raises(PartFailed, match="killed by SIGKILL"), RedactionProcesses(light, 2) as redactor:
        redactor.redact_rows(("warm",), ("en",))

        def batches() -> object:
            for number in range(10_000):
                if number == 20:
                    for child in workers():
                        child.send_signal(signal.SIGKILL)
                yield Batch(("ana@example.com",), ("en",), number)

        for _ in redactor.redact_batches(batches()):  # type: ignore[arg-type]
            pass
