"""Checks rows against a suite as they are read, batch by batch, and says why data are unfit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from flows.steps.read_raw import in_batches
from flows.steps.source_lines import NOT_UTF8
from infra.errors import CheckFailed
from policies.expectations.data_docs import render_docs
from policies.expectations.measures import Census, Measures
from policies.expectations.rows import CleanRow, Judged, Language, QuarantinedRow, RawRow, UnreadableRow, judge
from policies.expectations.suite import Present, Suite, WholeRule
from policies.expectations.validator import Tally, Validator

_BATCH_ROWS = 5_000


@dataclass(frozen=True)
class DocsPage:
    """One page of Data Docs."""

    name: str
    html: str


@dataclass(frozen=True)
class Validated:
    """The rows of both sources, parted, with what was measured and documented on the way."""

    train: tuple[CleanRow, ...]
    test: tuple[CleanRow, ...]
    quarantined: tuple[QuarantinedRow, ...]
    measures: Measures
    docs: tuple[DocsPage, ...]
    unfit: tuple[str, ...]
    """Why the data are not fit to train on, one sentence each; empty when they are."""

    def require_fit(self, suite: Suite, docs: str) -> None:
        """Raises CheckFailed with every reason when the data are not fit. `docs` is where the Data Docs lie."""
        if not self.unfit:
            return
        reasons = Counter(reason for row in self.quarantined for reason in row.reasons)
        encoding = "save the file as UTF-8 (iconv -f LATIN1 -t UTF-8), or " if reasons[NOT_UTF8] else ""
        raise CheckFailed(
            "the data are not fit to train on\n" + "\n".join(f"  - {reason}" for reason in self.unfit),
            where=f"expectations {suite.name}",
            cure=f"{encoding}mend the rows (the Data Docs say which rules failed: {docs}), or the suite",
        )


def validate(
    rows: Iterable[RawRow | UnreadableRow],
    suite: Suite,
    answer_schema: str,
    language_of: Callable[[RawRow], Language],
    advance: Callable[[int], None],
) -> Validated:
    """Reads all rows, keeps those that are fit, and sets the others aside with their reasons.

    `advance` is told of every row that is done. Raises what the rows' source raises (BadInput), BadInput for a suite
    that does not go with the pipeline, PartFailed when Great Expectations fails.
    """
    validator, census = Validator(suite, answer_schema), Census()
    clean: list[CleanRow] = []
    quarantined: list[QuarantinedRow] = []
    for batch in in_batches(rows, _BATCH_ROWS):
        judged: Judged = judge(batch, validator.check(batch), language_of)
        census.add(judged)
        clean += judged.clean
        quarantined += judged.quarantined
        advance(len(batch))
    measures = census.measures()
    whole = validator.check_whole(measures)
    return Validated(
        train=tuple(row for row in clean if row.place.role == "train"),
        test=tuple(row for row in clean if row.place.role == "test"),
        quarantined=tuple(quarantined),
        measures=measures,
        docs=_docs(suite, validator, measures, whole),
        unfit=(
            *(_tally_reason(tally) for tally in validator.tallies("train") if not tally.met),
            *_whole_reasons(suite.whole, whole, measures),
            *(["no training row is fit"] if not measures.rows else []),
        ),
    )


def _docs(suite: Suite, validator: Validator, measures: Measures, whole: Any) -> tuple[DocsPage, ...]:
    train = f"{measures.rows:,} training rows are fit, {measures.quarantined_share:.2%} were set aside."
    pages = [
        DocsPage("index.html", render_docs(f"{suite.name}: training rows", train, validator.tallies("train"), whole))
    ]
    if measures.test_rows or measures.test_unreadable:
        test = f"{measures.test_rows:,} test rows, {measures.test_unreadable:,} that cannot be read. None was filtered."
        pages.append(DocsPage("test.html", render_docs(f"{suite.name}: test rows", test, validator.tallies("test"))))
    return tuple(pages)


def _tally_reason(tally: Tally) -> str:
    asked = tally.rows if isinstance(tally.rule, Present) else tally.rows - tally.missing
    share = f"{tally.failed:,} of {asked:,} rows ({tally.failed / max(1, asked):.2%}) do not meet {tally.rule.id}"
    first = f"; the first is line {tally.first.line}" if tally.first else ""
    return f"{share}, at most {1 - tally.mostly:.2%} may{first}"


def _whole_reasons(rules: tuple[WholeRule, ...], whole: Any, measures: Measures) -> list[str]:
    failed = {one.expectation_config.meta["id"] for one in whole.results if not one.success}
    return [_whole_reason(rule, getattr(measures, rule.measure)) for rule in rules if rule.id in failed]


def _whole_reason(rule: WholeRule, found: float) -> str:
    bounds = [f"at least {rule.min:g}"] if rule.min is not None else []
    bounds += [f"at most {rule.max:g}"] if rule.max is not None else []
    return f"{rule.id}: {rule.measure} is {found:.4g}, {' and '.join(bounds)} is asked for"
