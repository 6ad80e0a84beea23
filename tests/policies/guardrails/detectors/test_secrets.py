"""Secrets: near 100 shapes of keys with near-misses, and what the words around it make a secret.

Keys are put together here, so that no scanner cries.
"""

from __future__ import annotations

import random
import string
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.guardrails.check import CompiledCheck
from policies.guardrails.detectors.secrets import Secrets
from policies.guardrails.entity_rules import EntityRules
from policies.guardrails.operators import Operators
from policies.guardrails.redact import redact
from policies.guardrails.stream import OutputStream

LETTERS, LOWER, UPPER = (
    string.ascii_letters + string.digits,
    string.ascii_lowercase + string.digits,
    string.ascii_uppercase,
)
HEXADECIMAL, BASE32 = "0123456789abcdef", UPPER + "234567"


def drawn(length: int, alphabet: str = LETTERS) -> str:
    """The same signs every time, drawn at random."""
    return "".join(random.Random(length * 31 + len(alphabet)).choices(alphabet, k=length))


def uuid() -> str:
    digits = drawn(32, HEXADECIMAL)
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


KEYS = [
    *("AKIA" + drawn(16, BASE32), "ASIA" + drawn(16, BASE32), "ABIA" + drawn(16, BASE32), "ACCA" + drawn(16, BASE32)),
    *("A3TX" + drawn(16, BASE32), "ABSK" + drawn(109), "AIza" + drawn(35), "GOCSPX-" + drawn(28), "ya29." + drawn(60)),
    *("1//0" + drawn(60), "AccountKey=" + drawn(86) + "==", "SharedAccessKey=" + drawn(43) + "="),
    *(drawn(44) + "AzFu" + drawn(6) + "==", "abc8Q~" + drawn(34), "dop_v1_" + drawn(64, HEXADECIMAL)),
    *("doo_v1_" + drawn(64, HEXADECIMAL), "LTAI" + drawn(20), "AKID" + drawn(32), "HRKU-" + drawn(60)),
    *(
        "v1.0-" + drawn(24, HEXADECIMAL) + "-" + drawn(146, HEXADECIMAL),
        "fm2_" + drawn(80),
        "SCW" + drawn(17, UPPER + LOWER.upper()),
    ),
    *("nfp_" + drawn(36), "vcp_" + drawn(24), "sbp_" + drawn(40, HEXADECIMAL), "sb_secret_" + drawn(31)),
    *("pscale_tkn_" + drawn(43), "napi_" + drawn(64, LOWER), "dapi" + drawn(32, HEXADECIMAL), "4b1d" + drawn(38)),
    *(drawn(14) + ".atlasv1." + drawn(67), "hvs." + drawn(24), "hvb." + drawn(140), "dp.pt." + drawn(43)),
    *(
        "ops_eyJ" + drawn(250),
        f"A3-{drawn(6, UPPER)}-{drawn(6, UPPER)}-{drawn(5, BASE32)}-{drawn(5, UPPER)}-{drawn(5, BASE32)}-7QX2B"[:42],
    ),
    *("pul-" + drawn(40, HEXADECIMAL), "tskey-auth-" + drawn(12) + "-" + drawn(32)),
    *("ghp_" + drawn(36), "gho_" + drawn(36), "ghu_" + drawn(36), "ghs_" + drawn(36), "ghr_" + drawn(76)),
    *("github_pat_" + drawn(22) + "_" + drawn(59), "glpat-" + drawn(20), "gldt-" + drawn(20), "glrt-" + drawn(20)),
    *(
        "glptt-" + drawn(40),
        "glsoat-" + drawn(20),
        "glagent-" + drawn(50),
        "gloas-" + drawn(64),
        "GR1348941" + drawn(20),
    ),
    *("ATBB" + drawn(32), "ATATT3" + drawn(186), "npm_" + drawn(36), "pypi-AgEIcHlwaS5vcmc" + drawn(70)),
    *(
        "rubygems_" + drawn(48, HEXADECIMAL),
        "CLOJARS_" + drawn(60, LOWER),
        "oy2" + drawn(43, LOWER),
        "dckr_pat_" + drawn(27),
    ),
    *("AKCp" + drawn(69), "cmVmd" + drawn(59), "CCIPAT_" + drawn(22) + "_" + drawn(40, HEXADECIMAL)),
    *("bkua_" + drawn(40, HEXADECIMAL), "squ_" + drawn(40, HEXADECIMAL), "sntryu_" + drawn(64, HEXADECIMAL)),
    *("glsa_" + drawn(32) + "_" + drawn(8, HEXADECIMAL), "NRAK-" + drawn(27, UPPER + "0123"), "figd_" + drawn(40)),
    *(
        "dt0c01." + drawn(24, BASE32) + "." + drawn(64, BASE32),
        "PMAK-" + drawn(24, HEXADECIMAL) + "-" + drawn(34, HEXADECIMAL),
    ),
    *(
        "lin_api_" + drawn(40),
        "ntn_" + drawn(46),
        "secret_" + drawn(43),
        "pat" + drawn(14) + "." + drawn(64, HEXADECIMAL),
    ),
    *("phx_" + drawn(43), "sk-ant-api03-" + drawn(93) + "AA", "sk-proj-" + drawn(74) + "T3BlbkFJ" + drawn(74)),
    *("sk-" + drawn(20) + "T3BlbkFJ" + drawn(20), "sk-or-v1-" + drawn(64, HEXADECIMAL), "sk-svcacct-" + drawn(60)),
    *(
        "hf_" + drawn(34),
        "gsk_" + drawn(52),
        "xai-" + drawn(80),
        "pplx-" + drawn(48),
        "r8_" + drawn(37),
        "nvapi-" + drawn(64),
    ),
    *(
        "jina_" + drawn(60),
        "pcsk_" + drawn(60),
        "tvly-" + drawn(32),
        "lsv2_pt_" + drawn(32, HEXADECIMAL) + "_" + drawn(10),
    ),
    *("tgp_v1_" + drawn(43), "rpa_" + drawn(42, BASE32), "csk-" + drawn(48, LOWER), "slk_" + drawn(40)),
    *("sk_" + "live_" + drawn(24), "rk_" + "live_" + drawn(24), "sk_" + "test_" + drawn(24), "whsec_" + drawn(32)),
    *("sq0atp-" + drawn(22), "sq0csp-" + drawn(43), "EAAA" + drawn(60), "rzp_live_" + drawn(14), "EZAK" + drawn(54)),
    *("access_token$production$" + drawn(16, LOWER) + "$" + drawn(32, HEXADECIMAL), "FLWSECK_TEST-" + drawn(32) + "-X"),
    *(
        "APP_USR-" + drawn(16, "0123456789") + "-091214-" + drawn(32, HEXADECIMAL) + "-123456789",
        "duffel_live_" + drawn(43),
    ),
    *("access-production-" + uuid(), "shpat_" + drawn(32, HEXADECIMAL), "shpss_" + drawn(32, HEXADECIMAL)),
    *("xoxb-" + "123456789012-" + drawn(24), "xoxp-" + "123456789012-" + drawn(24), "xapp-1-A0B1-" + drawn(40)),
    *("https://hooks.slack.com/services/T0AB1CD2E/B0AB1CD2E/" + drawn(24), "SG." + drawn(22) + "." + drawn(43)),
    "https://discord.com/api/webhooks/123456789012345678/" + drawn(68),
    *(
        "key-" + drawn(32, HEXADECIMAL),
        drawn(32, HEXADECIMAL) + "-us14",
        "xkeysib-" + drawn(64, HEXADECIMAL) + "-" + drawn(16),
    ),
    *(
        "re_" + drawn(8) + "_" + drawn(24),
        "SK" + drawn(32, HEXADECIMAL),
        "1234567890:AA" + drawn(33),
        "EAACEd" + drawn(120),
    ),
    *(
        "pat-eu1-" + uuid(),
        "p8e-" + drawn(32),
        "sk.eyJ" + drawn(60) + "." + drawn(22),
        "00D" + drawn(12) + "!" + drawn(90),
    ),
]
NAMED = [
    ("password: Verano2023!", "Verano2023!"),
    ("la contraseña es luna_de_plata7", "luna_de_plata7"),
    ("My password is hunter2, please reset it.", "hunter2"),
    ("mi clave es Gato_negro77 y no entra", "Gato_negro77"),
    ("la contraseña era: Perro-azul-19", "Perro-azul-19"),
    ('API_KEY="a8f5f167f44f4964e6c998dee827110c"', "a8f5f167f44f4964e6c998dee827110c"),
    ("Authorization: Bearer " + drawn(40), drawn(40)),
    ("Authorization: Basic " + drawn(32) + "==", drawn(32) + "=="),
    ("X-Api-Key: " + drawn(32, HEXADECIMAL), drawn(32, HEXADECIMAL)),
    ("mysql --user=root --password=Tr0mbon3s db", "Tr0mbon3s"),
    ("curl -u admin:S3creta99 https://example.org", "S3creta99"),
    ("Server=db;User Id=sa;Password=ola;Encrypt=no", "ola"),
    ('"clientSecret": "' + drawn(34) + '"', drawn(34)),
    ('{"db_password": "pa55-Word"}', "pa55-Word"),
    ("export SECRET_ACCESS_KEY=" + drawn(40), drawn(40)),
    ('the password is "correct horse battery staple 9"', "correct horse battery staple 9"),
    ("código PIN: 4821", "4821"),
    ("the pin code is 7391.", "7391"),
]
OPAQUE = [
    ("Our webhook secret for the shop: please use ", drawn(40)),
    ("Te paso la credencial del servidor nuevo, ", drawn(36)),
    ("llave del almacén de objetos -> ", drawn(40)),
    ("the hmac seed we share with the bank, ", drawn(48, HEXADECIMAL)),
]
TOKENS = [
    ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl", "JSON_WEB_TOKEN"),
    ("-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBg\n-----END PRIVATE KEY-----", "PRIVATE_KEY"),
    ("-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1r\n-----END OPENSSH PRIVATE KEY-----", "PRIVATE_KEY"),
    ("-----BEGIN PGP PRIVATE KEY BLOCK-----\nlQdGBF\n-----END PGP PRIVATE KEY BLOCK-----", "PRIVATE_KEY"),
    ("AGE-SECRET-KEY-1" + drawn(58, BASE32), "PRIVATE_KEY"),
    ("xprv" + drawn(107, "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"), "PRIVATE_KEY"),
]
HARMLESS = [
    "I forgot my password and cannot log in.",
    "La contraseña debe tener 12 caracteres, una mayúscula y un símbolo.",
    "The password is wrong.",
    "La contraseña es incorrecta, pruebe otra vez.",
    "La clave es leer el contrato entero antes de firmar.",
    "The key is to read the whole contract.",
    "The secret is out: we move to Madrid.",
    "El secreto es cocinarlo a fuego lento.",
    "set password: ${DB_PASSWORD}",
    "password = os.environ['DB_PASSWORD']",
    "api_key=YOUR_API_KEY_HERE",
    'token: "<your token>"',
    "contraseña: ********",
    "export KEY=ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    "AWS shows AKIAIOSFODNN7EXAMPLE and wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY in its guides",
    "session 6b429a1f-4cc7-4071-a4b2-ed6763263294 expired",
    "the session token count is 4096 per request",
    "the tokens are counted per request",
    "commit 9fceb02d0ae598e95dc970b74767f19372d61af8 broke the build",
    "fix in da39a3ee5e6b4b0d3255bfef95601890afd80709, see the key change there",
    "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "La suma md5 de la clave pública es d41d8cd98f00b204e9800998ecf8427e",
    "integrity sha512-z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8XYXysP",
    "order 4500018822371-ES, tracking 1Z999AA10123456784",
    "pedido 2026-000184467, seguimiento PQ4F6P0708216950110043E",
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk",
    "the task-force met at the risk-management-and-controls-board-2026",
    "use sk-learn-compatible-estimators-everywhere in the pipeline",
    "El IBAN ES77 0073 0288 3414 9675 1869 es de la tienda",
    "https://docs.example.org/security/passwords/how-to-reset-2024-edition",
    "ACCOUNT and SKIRT are words in capitals",
    "The primary key is customer_id_and_order_id_2024",
    "key: value pairs and token: string are fine",
    "password: string; // 8 to 64 characters",
    "tel. 1234567890: AA batteries",
    "The pin is 12 mm long, and el pin de la solapa es rojo.",
]


@pytest.fixture(scope="module")
def secrets() -> Secrets:
    return Secrets()


def redacted(secrets: Secrets, text: str) -> str:
    result = secrets.validate(text, {})
    return redact(text, result.metadata["spans"]) if result.outcome == "fail" else text


def test_the_table_holds_near_a_hundred_shapes() -> None:
    assert len(set(KEYS)) == len(KEYS) >= 100


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key[:10])
@pytest.mark.parametrize("sentence", ["use {} here", "La clave nueva: {}.", "KEY='{}'", "{}"])
def test_a_key_is_redacted_whole(secrets: Secrets, key: str, sentence: str) -> None:
    out = redacted(secrets, sentence.format(key))
    before, _, after = sentence.partition("{}")
    assert out in {before + "<API_KEY>" + after, before + "<PASSWORD>" + after}


@pytest.mark.parametrize(("token", "entity"), TOKENS)
def test_a_token_is_redacted_whole(secrets: Secrets, token: str, entity: str) -> None:
    assert redacted(secrets, f"use {token} here") == f"use <{entity}> here"


@pytest.mark.parametrize(("text", "secret"), NAMED)
def test_what_follows_the_word_is_redacted(secrets: Secrets, text: str, secret: str) -> None:
    assert redacted(secrets, text) == text.replace(secret, "<PASSWORD>")


@pytest.mark.parametrize(("lead", "value"), OPAQUE)
def test_a_random_word_is_a_secret_where_the_words_before_it_say_so(secrets: Secrets, lead: str, value: str) -> None:
    assert value not in redacted(secrets, f"{lead}{value} y nada más")
    assert redacted(secrets, f"Adjunto la referencia {value} y nada más").count("<") == 0


@pytest.mark.parametrize("text", HARMLESS)
def test_talk_about_secrets_is_left_alone(secrets: Secrets, text: str) -> None:
    assert redacted(secrets, text) == text


@pytest.mark.parametrize("key", ["ghp_" + drawn(36), "AKIA" + drawn(16, BASE32), "hf_" + drawn(34)])
def test_signs_without_a_width_and_full_width_letters_hide_nothing(secrets: Secrets, key: str) -> None:
    hidden = "\u200b".join(key)
    assert redacted(secrets, f"é {hidden} fin") == "é <API_KEY> fin"
    wide = "".join(chr(ord(letter) + 0xFEE0) for letter in key)
    assert redacted(secrets, f"é {wide} fin") == "é <API_KEY> fin"


def test_detect_secrets_finds_no_key_that_we_do_not_find(secrets: Secrets) -> None:
    scan = pytest.importorskip("detect_secrets.core.scan")
    peers = pytest.importorskip("detect_secrets.settings")
    with peers.default_settings():
        theirs = {key for key in KEYS if any(scan.scan_line(f'key = "{key}"'))}
    assert len(theirs) > 20
    assert all(secrets.validate(key, {}).outcome == "fail" for key in theirs)


@settings(max_examples=60, deadline=None)
@given(key=st.sampled_from([key for key in KEYS if len(key) < 180]), cuts=st.lists(st.integers(0, 700), max_size=30))
def test_a_key_cut_anywhere_is_found_as_if_whole(secrets: Secrets, key: str, cuts: list[int]) -> None:
    from policies.checks import SecretsCheck

    rule = SecretsCheck(id="s", detector="secrets", action="redact")
    check = CompiledCheck(rule, "output", (secrets,), EntityRules.of(rule), Operators())
    filler = "We looked at it and all is fine, the parcel left the depot today. "
    text = filler * 2 + key + " " + filler * 6
    stream = OutputStream([check], "en", buffered=False)
    edges = [0, *sorted({min(cut, len(text)) for cut in cuts}), len(text)]
    out = "".join(stream.push(text[start:end]) for start, end in pairwise(edges)) + stream.finish()
    assert out == filler * 2 + "<API_KEY> " + filler * 6
