"""The shapes of keys that their issuers made recognisable: clouds, version control, models, payments, messages.

Each is what its issuer documents or what its keys have been since; those that detect-secrets (Apache-2.0) knows are
among them. It is no dependency: its last release is of May 2024, and its patterns backtrack and look around.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Shape:
    """One kind of key. `starts` is the cheap look: without one of them in a text the pattern is not run."""

    starts: tuple[str, ...]
    pattern: str
    entity: str = "API_KEY"
    issuer: str = ""
    """Where its prefix says little: the key counts only with this word (lower case, `|` between) near it."""


_CLOUDS = (
    Shape(("AKIA", "ASIA", "ABIA", "ACCA", "A3T"), r"(?:AKIA|ASIA|ABIA|ACCA|A3T[A-Z0-9])[A-Z0-9]{16}"),
    Shape(("ABSK",), r"ABSK[0-9A-Za-z+/]{100,140}={0,2}"),
    Shape(("AIza",), r"AIza[0-9A-Za-z_-]{35}"),
    Shape(("GOCSPX-",), r"GOCSPX-[0-9A-Za-z_-]{20,}"),
    Shape(("ya29.",), r"ya29\.[0-9A-Za-z_-]{20,}"),
    Shape(("1//0",), r"1//0[0-9A-Za-z_-]{40,}"),
    Shape(("AccountKey=", "SharedAccessKey="), r"(?:AccountKey|SharedAccessKey)=[0-9A-Za-z+/]{40,}={0,2}"),
    Shape(("sig=",), r"[?&]sig=[0-9A-Za-z%+/]{40,80}(?:=|%3[Dd]){0,2}"),
    Shape(("AzFu", "AzCa", "AzSe"), r"[0-9A-Za-z_/+-]{40,44}Az(?:Fu|Ca|Se)[0-9A-Za-z_/+-]{4,8}={0,2}"),
    Shape(("8Q~", "7Q~"), r"[0-9A-Za-z~._-]{3}[78]Q~[0-9A-Za-z~._-]{31,34}"),
    Shape(("dop_v1_", "doo_v1_", "dor_v1_"), r"do[opr]_v1_[0-9a-f]{64}"),
    Shape(("LTAI",), r"LTAI[0-9A-Za-z]{16,24}"),
    Shape(("AKID",), r"AKID[0-9A-Za-z]{32}"),
    Shape(("HRKU-",), r"HRKU-[0-9A-Za-z_-]{36,64}"),
    Shape(("v1.0-",), r"v1\.0-[0-9a-f]{24}-[0-9a-f]{146}"),
    Shape(("FlyV1 ", "fm1r_", "fm2_"), r"(?:FlyV1 )?fm(?:1[ar]|2)_[0-9A-Za-z+/=,_-]{40,}"),
    Shape(("SCW",), r"SCW[0-9A-Z]{17}"),
    Shape(("nfp_",), r"nfp_[0-9A-Za-z]{36,}"),
    Shape(("rnd_",), r"rnd_[0-9A-Za-z]{28,}", issuer="render"),
    Shape(("vcp_", "vci_", "vca_", "vcr_", "vck_"), r"vc[piark]_[0-9A-Za-z]{24,}"),
    Shape(("sbp_", "sb_secret_"), r"(?:sbp_[0-9a-f]{40}|sb_secret_[0-9A-Za-z_-]{22,})"),
    Shape(("pscale_",), r"pscale_(?:tkn|oauth|pw)_[0-9A-Za-z_.=-]{32,64}"),
    Shape(("napi_",), r"napi_[0-9a-z]{60,}"),
    Shape(("dapi",), r"dapi[0-9a-f]{32}(?:-[0-9])?"),
    Shape(("4b1d",), r"4b1d[0-9A-Za-z]{38}"),
    Shape((".atlasv1.",), r"[0-9A-Za-z]{14}\.atlasv1\.[0-9A-Za-z_=-]{60,70}"),
    Shape(("hvs.", "hvb.", "hvr."), r"hv[sbr]\.[0-9A-Za-z_-]{24,}"),
    Shape(("dp.",), r"dp\.(?:pt|st|ct|scim|audit)\.(?:[a-z0-9_-]{2,35}\.)?[0-9A-Za-z]{40,44}"),
    Shape(("ops_eyJ",), r"ops_eyJ[0-9A-Za-z+/]{60,}={0,2}"),
    Shape(("A3-",), r"A3-[A-Z0-9]{6}-(?:[A-Z0-9]{11}|[A-Z0-9]{6}-[A-Z0-9]{5})(?:-[A-Z0-9]{5}){3}"),
    Shape(("pul-",), r"pul-[0-9a-f]{40}"),
    Shape(("tskey-",), r"tskey-[a-z]{2,10}-[0-9A-Za-z]{6,}-[0-9A-Za-z]{20,}"),
)
_CODE = (
    Shape(("ghp_", "gho_", "ghu_", "ghs_", "ghr_"), r"gh[opusr]_[0-9A-Za-z]{30,}"),
    Shape(("github_pat_",), r"github_pat_[0-9A-Za-z_]{30,}"),
    Shape(
        ("glpat-", "gldt-", "glrt", "glptt-", "glft-", "glsoat-", "glcbt-", "glimt-", "glagent-", "gloas-", "glffct-"),
        r"gl(?:pat|dt|rtr?|ptt|ft|soat|cbt|imt|agent|oas|ffct)-[0-9A-Za-z_.-]{18,}",
    ),
    Shape(("GR1348941",), r"GR1348941[0-9A-Za-z_-]{20,}"),
    Shape(("ATBB", "ATATT3", "ATCTT3"), r"(?:ATBB[0-9A-Za-z]{24,}|AT[AC]TT3[0-9A-Za-z_=-]{40,})"),
    Shape(("npm_",), r"npm_[0-9A-Za-z]{36}"),
    Shape(("_authToken=",), r"_authToken=[0-9A-Fa-f-]{36}"),
    Shape(("pypi-",), r"pypi-[0-9A-Za-z_-]{40,}"),
    Shape(("rubygems_",), r"rubygems_[0-9a-f]{48}"),
    Shape(("cio",), r"cio[0-9A-Za-z]{32}", issuer="cargo|crates"),
    Shape(("CLOJARS_",), r"CLOJARS_[0-9a-z]{60}"),
    Shape(("oy2",), r"oy2[a-z0-9]{43}"),
    Shape(("dckr_pat_", "dckr_oat_"), r"dckr_[po]at_[0-9A-Za-z_-]{20,}"),
    Shape(("AKC",), r"AKCp?[0-9A-Za-z]{60,75}"),
    Shape(("cmVmd",), r"cmVmd[0-9A-Za-z]{59}"),
    Shape(("CCIPAT_", "CCIPRJ_"), r"CCIP(?:AT|RJ)_[0-9A-Za-z]{22}_[0-9a-f]{40}"),
    Shape(("bkua_",), r"bkua_[0-9a-f]{40}"),
    Shape(("squ_", "sqp_", "sqa_"), r"sq[upa]_[0-9a-f]{40}"),
    Shape(("sntrys_", "sntryu_"), r"(?:sntrys_eyJ[0-9A-Za-z+/=_-]{40,}|sntryu_[0-9a-f]{64})"),
    Shape(("glsa_", "glc_eyJ"), r"(?:glsa_[0-9A-Za-z]{32}_[0-9a-fA-F]{8}|glc_eyJ[0-9A-Za-z+/]{32,}={0,2})"),
    Shape(("NRAK-", "NRII-", "NRJS-"), r"NR(?:AK-[A-Z0-9]{27}|II-[0-9A-Za-z_-]{32}|JS-[0-9a-f]{19})"),
    Shape(("dt0c01.",), r"dt0c01\.[A-Z0-9]{24}\.[A-Z0-9]{64}"),
    Shape(("PMAK-",), r"PMAK-[0-9a-f]{24}-[0-9a-f]{34}"),
    Shape(("figd_",), r"figd_[0-9A-Za-z_-]{38,}"),
    Shape(("lin_api_", "lin_oauth_"), r"lin_(?:api|oauth)_[0-9A-Za-z]{32,64}"),
    Shape(("ntn_", "secret_"), r"(?:ntn_[0-9A-Za-z]{40,}|secret_[0-9A-Za-z]{43})"),
    Shape(("pat",), r"pat[0-9A-Za-z]{14}\.[0-9a-f]{64}"),
    Shape(("phc_", "phx_"), r"ph[cx]_[0-9A-Za-z_-]{40,}"),
)
_MODELS = (
    Shape(("sk-ant-",), r"sk-ant-[0-9A-Za-z_-]{20,}"),
    Shape(("sk-",), r"sk-(?:proj-|svcacct-|admin-|or-v1-|lf-)?[0-9A-Za-z_-]{20,}"),
    Shape(("hf_", "api_org_"), r"(?:hf|api_org)_[0-9A-Za-z]{30,}"),
    Shape(("gsk_", "xai-", "pplx-", "r8_", "nvapi-", "fw_"), r"(?:gsk_|xai-|pplx-|r8_|nvapi-|fw_)[0-9A-Za-z_-]{24,}"),
    Shape(("jina_", "pcsk_", "tvly-", "lsv2_"), r"(?:jina_|pcsk_|tvly-|lsv2_(?:pt|sk)_)[0-9A-Za-z_-]{24,}"),
    Shape(("tgp_v1_",), r"tgp_v1_[0-9A-Za-z_-]{36,}"),
    Shape(("rpa_",), r"rpa_[0-9A-Z]{36,}"),
    Shape(("wandb_v1_",), r"wandb_v1_[0-9A-Za-z_-]{40,}"),
    Shape(("csk-",), r"csk-[0-9a-z]{40,}"),
    Shape(("slk_",), r"slk_[0-9A-Za-z_-]{20,}"),
)
_PAYMENTS = (
    Shape(("sk_live_", "sk_test_", "rk_live_", "rk_test_"), r"[sr]k_(?:live|test)_[0-9A-Za-z]{16,}"),
    Shape(("sk_prod_", "rk_prod_"), r"[sr]k_prod_[0-9A-Za-z]{16,}"),
    Shape(("whsec_",), r"whsec_[0-9A-Za-z+/=]{24,}"),
    Shape(("sq0", "EAAA"), r"(?:sq0[a-z]{3}-[0-9A-Za-z_-]{22,43}|EAAA[0-9A-Za-z_-]{56,})"),
    Shape(("access_token$",), r"access_token\$(?:production|sandbox)\$[0-9a-z]{16}\$[0-9a-f]{32}"),
    Shape(("rzp_live_", "rzp_test_"), r"rzp_(?:live|test)_[0-9A-Za-z]{14}"),
    Shape(("FLWSECK",), r"FLWSECK(?:_TEST|_LIVE)?-[0-9A-Za-z]{12,}(?:-X)?"),
    Shape(("APP_USR-",), r"APP_USR-[0-9]{8,20}-[0-9]{6}-[0-9a-f]{32}-[0-9]{5,12}"),
    Shape(("AQE",), r"AQE[0-9A-Za-z]{5,12}[0-9A-Za-z+/=]{60,}-[0-9A-Za-z+/=]{20,}-[!-~]{16}"),
    Shape(("gocardless", "live_"), r"live_[0-9A-Za-z_=-]{40}", issuer="gocardless"),
    Shape(("EZAK", "EZTK"), r"EZ[AT]K[0-9a-zA-Z]{54}"),
    Shape(("duffel_",), r"duffel_(?:test|live)_[0-9A-Za-z_=-]{43}"),
    Shape(
        ("plaid", "access-"), r"access-(?:sandbox|development|production)-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
    ),
    Shape(("shpat_", "shpca_", "shppa_", "shpss_"), r"shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}"),
)
_MESSAGES = (
    Shape(("xox", "xapp-", "xwfp-"), r"x(?:ox[abeoprs](?:\.xox[bp])?|app|wfp)-[0-9A-Za-z-]{10,}"),
    Shape(("hooks.slack.com/",), r"https://hooks\.slack\.com/(?:services|workflows|triggers)/[0-9A-Za-z/+]{20,}"),
    Shape(("webhook.office.com/",), r"https://[0-9a-z-]{1,40}\.webhook\.office\.com/webhookb2/[0-9A-Za-z@/-]{60,}"),
    Shape(
        ("/api/webhooks/",),
        r"https://(?:[a-z]{1,8}\.)?discord(?:app)?\.com/api/webhooks/[0-9]{15,21}/[0-9A-Za-z_-]{50,}",
    ),
    Shape((".",), r"[MNO][0-9A-Za-z_-]{23,27}\.[0-9A-Za-z_-]{6}\.[0-9A-Za-z_-]{27,40}", issuer="discord|bot"),
    Shape(("SG.",), r"SG\.[0-9A-Za-z_-]{16,32}\.[0-9A-Za-z_-]{16,64}"),
    Shape(("key-", "pubkey-"), r"(?:pub)?key-[0-9a-f]{32}"),
    Shape(("-us",), r"[0-9a-f]{32}-us[0-9]{1,2}"),
    Shape(("xkeysib-", "xsmtpsib-"), r"x(?:key|smtp)sib-[0-9a-f]{64}-[0-9A-Za-z]{16}"),
    Shape(("re_",), r"re_[0-9A-Za-z]{8}_[0-9A-Za-z]{20,}"),
    Shape(("SK",), r"SK[0-9a-f]{32}"),
    Shape(("AC",), r"AC[0-9a-f]{32}", issuer="twilio|account|sid"),
    Shape((":AA",), r"[0-9]{8,10}:AA[0-9A-Za-z_-]{33}"),
    Shape(("EAA",), r"EAA[MC]?[0-9A-Za-z]{80,}"),
    Shape(("pat-na1-", "pat-eu1-"), r"pat-(?:na|eu)1-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
    Shape(("p8e-",), r"p8e-[0-9A-Za-z]{32}"),
    Shape(("pk.eyJ", "sk.eyJ"), r"sk\.eyJ[0-9A-Za-z_-]{20,}\.[0-9A-Za-z_-]{20,}"),
    Shape(("00D",), r"00D[0-9A-Za-z]{12,15}![0-9A-Za-z._]{60,}"),
    Shape(("ZAPI", "dG9rO"), r"dG9rO[0-9A-Za-z+/]{50,60}={0,2}"),
)
_KEYS = (
    Shape(("AGE-SECRET-KEY-1",), r"AGE-SECRET-KEY-1[0-9A-Z]{58}", "PRIVATE_KEY"),
    Shape(("eyJ",), r"eyJ[0-9A-Za-z_-]{14,}(?:\.[0-9A-Za-z_-]*){0,4}", "JSON_WEB_TOKEN"),
    Shape(
        ("-----BEGIN", "---- BEGIN"),
        r"-----BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----[\x00-\x{10FFFF}]*?"
        r"(?:-----END (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----|\z)"
        r"|---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----[\x00-\x{10FFFF}]*?(?:---- END SSH2 [A-Z ]{1,30}----|\z)",
        "PRIVATE_KEY",
    ),
    Shape(
        ("PuTTY-User-Key-File-",),
        r"PuTTY-User-Key-File-[23]:[\x00-\x{10FFFF}]*?(?:Private-MAC: [0-9a-f]+|\z)",
        "PRIVATE_KEY",
    ),
    Shape(("xprv",), r"[xyz]prv[1-9A-HJ-NP-Za-km-z]{100,112}", "PRIVATE_KEY"),
)
SHAPES = (*_CLOUDS, *_CODE, *_MODELS, *_PAYMENTS, *_MESSAGES, *_KEYS)
"""All of them."""
