"""`sluice policy`: check a guardrail policy, run its examples, show it, try a text, compare two on recorded traffic,
put another one over what is served (policy_put.py); and open what a policy encrypted.

`--json` gives these stable shapes (policy_shapes.py makes them):

    check   {"schema": "sluice/policy-check/1", "ok": BOOL, "source": TEXT, "name": TEXT, "digest": DIGEST or null,
             "problems": [{"line": INT, "key": TEXT, "what": TEXT, "cure": TEXT}, ...]}
    test    {"schema": "sluice/policy-test/1", "ok": BOOL, "examples": [{"name": TEXT, "ok": BOOL, "verdict": TEXT,
             "rule": TEXT, "becomes": TEXT, "differences": [{"part": TEXT, "expected": TEXT, "got": TEXT}, ...]}, ...]}
    show    {"schema": "sluice/policy-show/1", "digest": DIGEST, "policy": the resolved policy}
    try     {"schema": "sluice/policy-try/1", "policy": TEXT, "direction": TEXT, "verdict": TEXT, "rule": TEXT,
             "message": TEXT, "text": TEXT, "checks": [{"rule": TEXT, "verdict": TEXT, "score": NUMBER,
             "milliseconds": NUMBER, "spans": [{"start": INT, "end": INT, "entity": TEXT}, ...]}, ...]}
    diff    {"schema": "sluice/policy-diff/1", "requests": INT, "without_text": INT, "unreadable": INT,
             "counts": {"input": {KIND: INT, ...}, "output": {...}}, "changes": [{"response_id": TEXT, "pipeline": TEXT,
             "direction": TEXT, "kind": KIND, "old": {"verdict": TEXT, "rules": [TEXT, ...]}, "new": {...}}, ...]}

KIND is blocked, redacted, flagged, "let through" or "another text". With --show-text, "old" and "new" hold "text".
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from flows.cli.ending import say_next
from flows.cli.policy_put import put

if TYPE_CHECKING:
    from infra.contracts.model_version import PromptSpec

app = typer.Typer(no_args_is_help=True, help="Write guardrail policies: check, test, show, try, compare, put.")
Policy = Annotated[str, typer.Argument(metavar="FILE", help="a policy file, or a shipped policy's name")]
AsJson = Annotated[bool, typer.Option("--json", help="a stable JSON shape on stdout")]
PipelineName = Annotated[
    str, typer.Option("--pipeline", metavar="P", help="whose prompt and JSON schema count; left out: such checks rest")
]


@app.command()
def check(file: Policy, as_json: AsJson = False) -> None:
    """Reads a policy and tells every error at once, with line, key and cure; exit 2 when there is one."""
    from flows.cli.policy_shapes import check_shape
    from flows.steps.load_guards import read_policy
    from infra.errors import ConfigError

    try:
        policy = read_policy(file)
    except ConfigError as error:
        if not as_json:
            raise
        _print(check_shape(error.source, None, error.problems))
        raise typer.Exit(2) from None
    if as_json:
        _print(check_shape(file, policy, ()))
        return
    counts = f"{len(policy.input)} input checks, {len(policy.output)} output checks, {len(policy.examples)} examples"
    typer.echo(f"{policy.name}: good. {counts}; {policy.digest}")
    say_next(f"sluice policy test {file}")


@app.command()
def test(file: Policy, pipeline: PipelineName = "", as_json: AsJson = False) -> None:
    """Runs the examples that stand in a policy: name, expected, got; exit 1 when one differs."""
    from flows.cli.bars import Bars
    from flows.cli.policy_shapes import examples_shape, examples_table
    from flows.steps.load_guards import load_guards, read_policy
    from infra.errors import BadInput
    from policies.guardrails.examples import run_examples

    policy = read_policy(file)
    if not policy.examples:
        raise BadInput("the policy has no examples", where=file, cure="add `examples:`; see `sluice schema guardrails`")
    with Bars().task("run the examples", len(policy.examples)) as bar:
        prompt = _prompt(pipeline)
        runs = run_examples(policy, lambda unhurried: load_guards(unhurried, prompt), bar.advance)
    failed = [run for run in runs if run.differences]
    if as_json:
        _print(examples_shape(runs))
    else:
        from rich.console import Console

        Console().print(examples_table(runs))
        typer.echo(f"{len(runs) - len(failed)} of {len(runs)} examples as expected", err=True)
        name = (failed or runs)[0].example.direction
        say_next(f'sluice policy try "TEXT" --policy {file} --direction {name}')
    if failed:
        raise typer.Exit(1)


@app.command()
def show(name: Policy, as_json: AsJson = False) -> None:
    """Prints a policy with all that it inherits, as one YAML file that says the same."""
    from flows.cli.policy_shapes import resolved_yaml, show_shape
    from flows.steps.load_guards import read_policy

    policy = read_policy(name)
    if as_json:
        _print(show_shape(policy))
        return
    typer.echo(resolved_yaml(policy), nl=False)
    say_next(f"sluice policy test {name}")


@app.command(name="try")
def try_text(
    text: Annotated[str, typer.Argument(metavar="TEXT", help="the text; - reads it from stdin")],
    policy: Annotated[str, typer.Option("--policy", metavar="P", help="a policy's name or path")] = "default",
    direction: Annotated[str, typer.Option("--direction", help="input or output")] = "input",
    language: Annotated[str, typer.Option("--language", help="en or es; left out: it is detected")] = "",
    pipeline: PipelineName = "",
    as_json: AsJson = False,
) -> None:
    """Sends one text through a policy: each check with score, finds and milliseconds, and what would go on.

    The stand-ins of `pseudonymise` are those of a new conversation each time.
    """
    import sys
    from secrets import token_bytes

    from flows.cli.policy_shapes import try_shape, try_table
    from flows.steps.load_guards import load_guards, read_policy
    from infra.engines.engine import Message
    from policies.guardrails.pseudonyms import Pseudonyms

    chosen = _direction(direction)
    spoken = _language(language)
    guards = load_guards(read_policy(policy), _prompt(pipeline))
    given = sys.stdin.read() if text == "-" else text
    run = guards.check_input if chosen == "input" else guards.check_output
    run("warm", spoken)  # what loads on first use would count as this text's time
    guarded = run(given, spoken, Pseudonyms.of(token_bytes(32), [Message("user", given)]))
    if as_json:
        _print(try_shape(policy, chosen, guarded))
        return
    from rich.console import Console

    Console().print(try_table(guarded, given))
    typer.echo(f"{guarded.verdict.value}{f' by {guarded.rule}' if guarded.rule else ''}")
    if guarded.verdict.value == "block":
        typer.echo(f"the caller is told: {guarded.message or '(nothing but the rule)'}")
    else:
        typer.echo(f"what goes on: {guarded.text}")
    say_next(f"sluice policy test {policy}", "after adding the text to its examples")


@app.command()
def diff(
    old: Annotated[str, typer.Argument(metavar="OLD", help="a policy's name or path")],
    new: Annotated[str, typer.Argument(metavar="NEW", help="a policy's name or path")],
    first: Annotated[str, typer.Option("--from", metavar="DAY", help="the first day, e.g. 2026-11-01 (UTC)")],
    last: Annotated[str, typer.Option("--to", metavar="DAY", help="the last day, included")],
    pipeline: Annotated[str, typer.Option("--pipeline", metavar="P", help="left out: all of them")] = "",
    show_text: Annotated[bool, typer.Option("--show-text", help="also decrypt and print what would go on")] = False,
    as_json: AsJson = False,
) -> None:
    """Replays recorded traffic through two policies: what the new one would newly block, redact, flag, let through.

    Texts were redacted by the policy of their time before they were sealed, and what was blocked on its way in was not
    kept. Each request goes through with the prompt of the version that answered it.
    """
    from flows.cli.bars import Bars
    from flows.cli.policy_shapes import changes_table, counts_table, diff_shape
    from flows.policy_replay import Compile, Period, TwoPolicies, days, replay
    from flows.steps.load_guards import load_guards, read_policy
    from infra.settings import read_settings
    from infra.stores.releases import Releases

    home = read_settings().home
    policies = read_policy(old).unhurried(), read_policy(new).unhurried()
    since, until = days(first, last)

    def compiler(index: int) -> Compile:
        def compile_for(prompt: PromptSpec | None) -> Any:
            return load_guards(policies[index], prompt, home=home)

        return compile_for

    both = TwoPolicies(compiler(0), compiler(1), Releases(home))
    with Bars().task("replay") as bar:
        found = replay(Period(since, until, pipeline), both, home, bar.advance)
    if as_json:
        _print(diff_shape(found, show_text=show_text))
        return
    from rich.console import Console

    console = Console()
    console.print(counts_table(found))
    if found.changes:
        console.print(changes_table(found, show_text=show_text))
    typer.echo(
        f"{found.requests} requests; {found.without_text} without a kept text, {found.unreadable} erased or unreadable",
        err=True,
    )
    again = f"sluice audit show {found.changes[0].response_id}" if found.changes else f"sluice policy test {new}"
    say_next(again)


app.command()(put)


@app.command()
def reveal(
    text: Annotated[str, typer.Argument(metavar="TEXT", help="the text; - reads it from stdin")],
) -> None:
    """Prints a text with what `action: encrypt` replaced in it as it was: this home's key opens it, no other does."""
    import sys

    from infra.guard_keys import GuardKeys
    from infra.settings import read_settings
    from policies.guardrails.operators import Operators

    given = sys.stdin.read() if text == "-" else text
    typer.echo(Operators(GuardKeys.at_home(read_settings().home)).reveal(given))


def _prompt(pipeline: str) -> PromptSpec | None:
    if not pipeline:
        return None
    from flows.pipeline import read_pipeline

    return read_pipeline(pipeline).prompt


def _direction(given: str) -> Literal["input", "output"]:
    from infra.errors import BadInput

    if given not in ("input", "output"):
        raise BadInput(f"--direction is input or output, not {given!r}", cure="--direction input")
    return "output" if given == "output" else "input"


def _language(given: str) -> Literal["en", "es"] | None:
    from infra.errors import BadInput

    if given not in ("", "en", "es"):
        raise BadInput(f"--language is en or es, not {given!r}", cure="leave it out: it is detected")
    return None if not given else "es" if given == "es" else "en"


def _print(shape: Mapping[str, object]) -> None:
    typer.echo(json.dumps(shape, indent=2, ensure_ascii=False))
