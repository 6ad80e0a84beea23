"""Secrets by their issuers' shapes and by the word before them; put together here, so that no scanner cries."""

from __future__ import annotations

import pytest

from policies.guardrails.compiled import Guards

BODY = "aB3dE6gH9jK2mN5pQ8sT1vW4xY7zA0cD3fG6hJ9k"
SECRETS = [
    ("AKIA" + "Q3EGRZ7PLMN2VW4X", "API_KEY"),
    ("AIza" + BODY[:35], "API_KEY"),
    ("ghp_" + BODY[:36], "API_KEY"),
    ("github_pat_" + BODY, "API_KEY"),
    ("glpat-" + BODY[:20], "API_KEY"),
    ("sk-ant-api03-" + BODY, "API_KEY"),
    ("sk-proj-" + BODY, "API_KEY"),
    ("hf_" + BODY[:34], "API_KEY"),
    ("sk_" + "live_" + BODY[:24], "API_KEY"),
    ("xoxb-" + "123456789012-" + BODY[:24], "API_KEY"),
    ("slk_" + BODY, "API_KEY"),
    ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl", "JSON_WEB_TOKEN"),
    ("-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBg\n-----END PRIVATE KEY-----", "PRIVATE_KEY"),
]
NAMED = [
    ("password: Verano2023!", "Verano2023!"),
    ("la contraseña es luna_de_plata7", "luna_de_plata7"),
    ('API_KEY="a8f5f167f44f4964e6c998dee827110c"', "a8f5f167f44f4964e6c998dee827110c"),
    ("Authorization: Bearer " + BODY, BODY),
]
HARMLESS = [
    "I forgot my password and cannot log in.",
    "La contraseña debe tener 12 caracteres, una mayúscula y un símbolo.",
    "The password is wrong.",
    "set password: ${DB_PASSWORD}",
    "export KEY=ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    "session 6b429a1f-4cc7-4071-a4b2-ed6763263294 expired",
    "the tokens are counted per request",
]


@pytest.mark.parametrize(("secret", "entity"), SECRETS)
def test_a_key_is_redacted_whole(guards: Guards, secret: str, entity: str) -> None:
    assert guards.redact_row(f"use {secret} here", "en").text == f"use <{entity}> here"


@pytest.mark.parametrize(("text", "secret"), NAMED)
def test_what_follows_the_word_is_redacted(guards: Guards, text: str, secret: str) -> None:
    assert guards.redact_row(text, "en").text == text.replace(secret, "<PASSWORD>")


@pytest.mark.parametrize("text", HARMLESS)
def test_talk_about_secrets_is_left_alone(guards: Guards, text: str) -> None:
    assert guards.redact_row(text, "es" if "ñ" in text else "en").text == text
