"""Which detector finds which personal data."""

from __future__ import annotations

from typing import get_args

from infra.ner import NameFinders
from policies.checks import Entity
from policies.guardrails.detectors.credit_card import CreditCard
from policies.guardrails.detectors.crypto import Crypto
from policies.guardrails.detectors.date_of_birth import DateOfBirth
from policies.guardrails.detectors.detector import Detector
from policies.guardrails.detectors.email_address import EmailAddress
from policies.guardrails.detectors.en_address import EnAddress
from policies.guardrails.detectors.es_accounts import EsAccounts
from policies.guardrails.detectors.es_address import EsAddress
from policies.guardrails.detectors.es_company import EsCompany
from policies.guardrails.detectors.es_identity import EsIdentity
from policies.guardrails.detectors.es_passport import EsPassport
from policies.guardrails.detectors.es_plate import EsPlate
from policies.guardrails.detectors.iban import Iban
from policies.guardrails.detectors.ip_address import IpAddress
from policies.guardrails.detectors.mac_address import MacAddress
from policies.guardrails.detectors.mx_ids import MxIds
from policies.guardrails.detectors.person import Person
from policies.guardrails.detectors.phone_number import PhoneNumber
from policies.guardrails.detectors.url_credentials import UrlCredentials
from policies.guardrails.detectors.us_ssn import UsSsn

_FINDS: dict[type[Detector], frozenset[Entity]] = {
    CreditCard: frozenset({"CREDIT_CARD"}),
    Crypto: frozenset({"CRYPTO"}),
    DateOfBirth: frozenset({"DATE_OF_BIRTH"}),
    EmailAddress: frozenset({"EMAIL_ADDRESS"}),
    EnAddress: frozenset({"STREET_ADDRESS"}),
    EsAccounts: frozenset({"ES_NSS", "ES_CCC"}),
    EsAddress: frozenset({"STREET_ADDRESS"}),
    EsCompany: frozenset({"ES_CIF"}),
    EsIdentity: frozenset({"ES_NIF", "ES_NIE"}),
    EsPassport: frozenset({"ES_PASSPORT"}),
    EsPlate: frozenset({"ES_PLATE"}),
    Iban: frozenset({"IBAN_CODE"}),
    IpAddress: frozenset({"IP_ADDRESS"}),
    MacAddress: frozenset({"MAC_ADDRESS"}),
    MxIds: frozenset({"MX_CURP", "MX_RFC"}),
    Person: frozenset({"PERSON"}),
    PhoneNumber: frozenset({"PHONE_NUMBER"}),
    UrlCredentials: frozenset({"URL_CREDENTIALS"}),
    UsSsn: frozenset({"US_SSN"}),
}
ALL_ENTITIES: frozenset[Entity] = frozenset(get_args(Entity))


def personal_data(
    entities: frozenset[Entity], names: NameFinders, *, threshold: float, redacts: bool
) -> tuple[Detector, ...]:
    """The detectors that find any of the entities, ready to use."""
    made: list[Detector] = []
    for kind, finds in _FINDS.items():
        if not finds & entities:
            continue
        if kind is Person:
            made.append(Person(names, threshold=threshold, redacts=redacts))
        else:
            made.append(kind(threshold=threshold, redacts=redacts, entities=entities))
    return tuple(made)
