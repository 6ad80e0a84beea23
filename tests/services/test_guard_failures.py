"""A real gateway whose detector raises, hangs or says nonsense: closed, recorded, told, and the service stays up."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from infra import processes
from infra.settings import read_settings
from policies.guardrails.deadline import MOST_STUCK

pytestmark = pytest.mark.slow
WORDS = [("RAISE", ".failed"), ("NONSENSE", ".failed"), ("HANG", ".late")]
ASKED = [{"role": "user", "content": "Where is my order?"}]


@pytest.fixture(scope="module")
def failing(tmp_path_factory: pytest.TempPathFactory, gateway: Any) -> Iterator[Any]:
    """A gateway of its own with the broken detector; the file that makes it hang is there."""
    root = tmp_path_factory.mktemp("failing")
    hang = root / "hang"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(Path(__file__).parent / "breaker"))
        patch.setenv("SLUICE_TEST_HANG", str(hang))
        settings = read_settings({"SLUICE_HOME": str(root / "home"), "SLUICE_GATEWAY_CONCURRENCY": "64"})
        service = processes.ensure(settings, ("gateway",), engine="scripted")[0]
    yield type(gateway)(service.url, settings.home, hang)
    hang.unlink(missing_ok=True)
    processes.stop(settings.home)


@pytest.fixture(autouse=True)
def hanging(failing: Any) -> Iterator[None]:
    failing.attempts.touch()
    yield
    failing.attempts.unlink(missing_ok=True)
    end_s = time.monotonic() + 60
    while httpx.get(f"{failing.url}/readyz").json().get("stuck_checks") != 0:
        assert time.monotonic() < end_s
        time.sleep(0.1)


def told(failing: Any, error: dict[str, Any], rule: str, word: str) -> None:
    """What the caller reads, and what is on record."""
    assert (error["code"], error["rule"]) == ("guard_failed", rule) and rule in error["message"]
    assert word not in json.dumps(error)
    _, completed = failing.events(error["response_id"])
    assert (completed.outcome, completed.refusal_rule) == ("blocked", rule)
    assert (rule, "block") in [(check.rule, check.verdict) for check in completed.checks]
    assert failing.client().chat.completions.create(model="triage", messages=ASKED).id, "and on it goes"
    assert word not in (failing.home.logs / "gateway.log").read_text()


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("word", "ending"), WORDS)
def test_an_input_whose_check_fails_goes_no_further(failing: Any, word: str, ending: str, stream: bool) -> None:
    asked = [{"role": "user", "content": f"What is {word}?"}]
    with pytest.raises(openai.APIStatusError) as caught:
        failing.client().chat.completions.create(model="triage", messages=asked, stream=stream)
    assert caught.value.status_code == 503
    told(failing, caught.value.body, "input-pii" + ending, word)  # type: ignore[arg-type]


def answering(word: str) -> dict[str, Any]:
    """A schema that has the scripted engine answer with a word that is not asked for."""
    schema = {"type": "object", "properties": {"a": {"const": word}}}
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}


@pytest.mark.parametrize(("word", "ending"), WORDS)
def test_an_answer_whose_check_fails_does_not_leave(failing: Any, word: str, ending: str) -> None:
    with pytest.raises(openai.APIStatusError) as caught:
        failing.client().chat.completions.create(model="triage", messages=ASKED, response_format=answering(word))
    assert caught.value.status_code == 503
    told(failing, caught.value.body, "output-pii" + ending, word)  # type: ignore[arg-type]


@pytest.mark.parametrize(("word", "ending"), WORDS)
def test_a_stream_whose_check_fails_ends_with_an_error(failing: Any, word: str, ending: str) -> None:
    chunks, stream = (
        [],
        failing.client().chat.completions.create(
            model="triage", messages=ASKED, stream=True, response_format=answering(word)
        ),
    )
    with pytest.raises(openai.APIError) as caught:
        for chunk in stream:
            chunks.append(chunk)
    assert [chunk.choices[0].finish_reason for chunk in chunks][-1] == "content_filter"
    assert not any(chunk.choices[0].delta.content for chunk in chunks)
    told(failing, caught.value.body, "output-pii" + ending, word)  # type: ignore[arg-type]


def test_when_too_many_hang_requests_are_refused_until_they_come_back(failing: Any) -> None:
    asked = [{"role": "user", "content": "What is HANG?"}]

    def ask(_number: int) -> str:
        try:
            return failing.client().chat.completions.create(model="triage", messages=asked).id
        except openai.APIStatusError as error:
            return str(error.body["code"])  # type: ignore[index]

    with ThreadPoolExecutor(MOST_STUCK) as pool:
        assert set(pool.map(ask, range(MOST_STUCK))) <= {"guard_failed", "guards_stuck"}
    ready = httpx.get(f"{failing.url}/readyz")
    assert (ready.status_code, ready.json()["error"]["code"]) == (503, "guards_stuck")
    with pytest.raises(openai.InternalServerError, match="until the service is restarted"):
        failing.client().chat.completions.create(model="triage", messages=ASKED)
    failing.attempts.unlink()
    end_s = time.monotonic() + 60
    while httpx.get(f"{failing.url}/readyz").status_code != 200:
        assert time.monotonic() < end_s
        time.sleep(0.1)
    assert failing.client().chat.completions.create(model="triage", messages=ASKED).id
