"""Data Docs: what was asked of the data and how it went, as one HTML page rendered by Great Expectations.

Built from tallies, so no value of a row can stand in it. The page shell is ours: Great Expectations' own loads styles,
scripts and pictures from nine addresses, and holds a form that posts to its vendor.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from infra.extras import need
from policies.expectations.suite import Present
from policies.expectations.validator import Tally

_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{{ title }}</title><style>
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; color: #222 }
table { border-collapse: collapse; width: 100% } td, th { text-align: left; vertical-align: top; padding: .35rem .6rem;
border-bottom: 1px solid #ddd } .alert { background: #eef2f5; padding: .5rem .8rem; margin: 1.2rem 0 .4rem }
h5, h6 { font-size: 1rem; margin: 0 } .badge { background: #eee; border-radius: 3px; padding: 0 .3em }
.fa-check-circle::before { content: "\\2713 met"; color: #17663a }
.fa-times::before { content: "\\2717 not met"; color: #a11 }
[data-toggle=collapse], thead[hidden] { display: none }
</style></head><body><h1>{{ title }}</h1><p>{{ note }}</p>
{% for section in sections %}{% set section_loop = loop -%}{% include 'section.j2' %}{% endfor %}
</body></html>
"""


def render_docs(title: str, note: str, tallies: Sequence[Tally], whole: Any = None) -> str:
    """The page of one source: its row rules with counts, and the figures over all rows where `whole` is given.

    `note` is a sentence under the title, `whole` what `Validator.check_whole` returned. The page loads nothing from
    anywhere.
    """
    core = need("great_expectations.core", extra="train")
    renderer = need("great_expectations.render.renderer", extra="train")
    views = need("great_expectations.render.view", extra="train")
    results = [_result(core, tally) for tally in tallies] + (list(whole.results) if whole is not None else [])
    met = sum(bool(one.success) for one in results)
    page = core.ExpectationSuiteValidationResult(
        results=results,
        success=met == len(results),
        suite_name=title,
        statistics={
            "evaluated_expectations": len(results),
            "successful_expectations": met,
            "unsuccessful_expectations": len(results) - met,
            "success_percent": 100.0 * met / max(1, len(results)),
        },
        meta={"run_id": {"run_name": title, "run_time": None}},
    )
    document = renderer.ValidationResultsPageRenderer().render(page)
    document.sections = document.sections[1:]  # the overview: links into a site that is not there
    view = views.DefaultJinjaPageView()
    html: str = view.render(document, template=view.env.from_string(_PAGE), title=title, note=note)
    return html


def _result(core: Any, tally: Tally) -> Any:
    asked = tally.rows if isinstance(tally.rule, Present) else tally.rows - tally.missing
    percent = 100.0 * tally.failed / max(1, asked)
    counts = {
        "element_count": tally.rows,
        "unexpected_count": tally.failed,
        "unexpected_percent": percent,
        "unexpected_percent_total": percent,
        "partial_unexpected_list": [],
    }
    if not isinstance(tally.rule, Present):
        counts |= {
            "missing_count": tally.missing,
            "missing_percent": 100.0 * tally.missing / max(1, tally.rows),
            "unexpected_percent_nonmissing": percent,
        }
    return core.ExpectationValidationResult(
        success=tally.met,
        expectation_config=tally.expectation.configuration,
        result=counts,
        exception_info={"raised_exception": False, "exception_message": None, "exception_traceback": None},
    )
