"""What the checks of content compile to: one maker, from a check's type to its detectors."""

from __future__ import annotations

from typing import TypeVar

from infra.embeddings import Embedder
from policies.checks import CheckBase
from policies.content_checks import (
    BanListCheck,
    CanaryCheck,
    ChoicesCheck,
    CodeInjectionCheck,
    CompetitorsCheck,
    GroundednessCheck,
    LanguageCheck,
    LengthCheck,
    LengthOptions,
    RegexForbiddenCheck,
    RegexRequiredCheck,
    RepetitionCheck,
    TopicEntry,
    TopicsCheck,
    ToxicityCheck,
    UrlsCheck,
)
from policies.guardrails.detectors.answer_language import AnswerLanguage
from policies.guardrails.detectors.ban_list import BanList
from policies.guardrails.detectors.canary import Canary
from policies.guardrails.detectors.choices import Choices
from policies.guardrails.detectors.code_injection import CodeInjection
from policies.guardrails.detectors.competitors import Competitor, Competitors
from policies.guardrails.detectors.detector import Detector
from policies.guardrails.detectors.groundedness import Groundedness
from policies.guardrails.detectors.length import Bounds, Length
from policies.guardrails.detectors.regex_forbidden import RegexForbidden
from policies.guardrails.detectors.regex_required import RegexRequired
from policies.guardrails.detectors.repetition import Repetition
from policies.guardrails.detectors.topics import Topic, Topics
from policies.guardrails.detectors.toxicity import Toxicity
from policies.guardrails.detectors.urls_allowed import UrlsAllowed
from policies.guardrails.entity_rules import VERDICTS
from policies.verdict import Verdict

_Kind = TypeVar("_Kind")


def content_detectors(check: CheckBase, *, embedder: Embedder | None = None) -> tuple[Detector, ...]:
    """The detectors of a check of content; () where the check is of another kind.

    Raises ConfigError for a topics check without an embedder.
    """
    redacts = VERDICTS[check.action] is Verdict.REDACT
    listed = _listed(check, redacts=redacts) or _formed(check, redacts=redacts)
    if listed is not None:
        return (listed,)
    if isinstance(check, TopicsCheck):
        options = check.options
        allowed, denied = map(_topics, (options.allowed, options.denied))
        source = f"check {check.id}"
        return (Topics(embedder, allowed=allowed, denied=denied, threshold=check.threshold, source=source),)
    return ()


def _listed(check: CheckBase, *, redacts: bool) -> Detector | None:
    """Detectors of what a text holds."""
    match check:
        case BanListCheck(options=options):
            return BanList(options.words, forms=options.forms, redacts=redacts)
        case CompetitorsCheck(options=options):
            entries = [Competitor(entry.names, entry.everyday) for entry in options.competitors]
            return Competitors(entries, threshold=check.threshold, redacts=redacts)
        case ToxicityCheck(options=options):
            return Toxicity(threshold=check.threshold, redacts=redacts, kinds=_chosen(options.kinds))
        case CodeInjectionCheck(options=options):
            return CodeInjection(threshold=check.threshold, redacts=redacts, kinds=_chosen(options.kinds))
        case RegexForbiddenCheck(options=options):
            return RegexForbidden(options.pattern, entity=options.entity, redacts=redacts)
        case CanaryCheck(options=options):
            return Canary(options.canaries, redacts=redacts)
        case UrlsCheck(options=options):
            return UrlsAllowed(**options.model_dump(), redacts=redacts)
    return None


def _formed(check: CheckBase, *, redacts: bool) -> Detector | None:
    """Detectors of how a text is."""
    match check:
        case GroundednessCheck(options=options):
            return Groundedness(options.context, threshold=check.threshold, asks=options.require_context)
        case RegexRequiredCheck(options=options):
            return RegexRequired(options.pattern)
        case ChoicesCheck(options=options):
            return Choices(options.choices, exact=options.exact)
        case LanguageCheck(options=options):
            return AnswerLanguage(
                options.languages, same_as_question=options.same_as_question, threshold=check.threshold
            )
        case LengthCheck(options=options):
            return _length(options)
        case RepetitionCheck(options=options):
            return Repetition(times=options.times, span=options.characters, redacts=redacts)
    return None


def _length(options: LengthOptions) -> Length:
    return Length(
        characters=Bounds(options.min_characters, options.max_characters),
        words=Bounds(options.min_words, options.max_words),
        sentences=Bounds(options.min_sentences, options.max_sentences),
    )


def _chosen(kinds: tuple[_Kind, ...] | None) -> frozenset[_Kind] | None:
    return None if kinds is None else frozenset(kinds)


def _topics(entries: tuple[TopicEntry, ...]) -> tuple[Topic, ...]:
    return tuple(Topic(entry.name, entry.examples) for entry in entries)
