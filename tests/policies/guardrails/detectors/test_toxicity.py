"""Toxicity on a small set of its own, in both languages (written for this project, CC0), and how severe what is.

The set holds offensive texts on purpose: they are what must be found.
"""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from policies.guardrails.detectors.toxicity import Toxicity

TOXIC_EN = [
    *(
        "You are an idiot.",
        "you're such a moron",
        "Shut up, you stupid cow, you idiot",
        "u r so dumb",
        "Fuck you and your shop",
    ),
    *("go to hell", "You people are worthless", "I will kill you", "I'm going to find you and break your legs"),
    *("kill yourself", "I hope you die of cancer", "hope you die", "Your pathetic little brain can't grasp it"),
    *("All immigrants are criminals", "women are stupid", "Muslims should be deported", "I hate all those gypsies"),
    *(
        "You absolute piece of garbage",
        "what an asshole, that agent of yours",
        "are you retarded?",
        "Go f u c k yourself, moron",
    ),
    *(
        "y0u 4re 4n 1d10t",
        "You аre an idiоt",
        "YOU ARE A WASTE OF SPACE",
        "listen, dumbass, read it again",
        "you dirty pig",
    ),
    *(
        "Your mother is a whore",
        "nobody likes you",
        "eat shit",
        "I know where you live",
        "suck my dick",
        "the jews are vermin",
    ),
    *("You should be shot", "Get lost, loser", "that stupid bitch at the desk", "you fucking incompetent clowns"),
    *("He is a total moron", "Bunch of idiots, all of you", "you make me sick", "you have no brain", "stfu"),
    *("You sound like a complete imbecile", "these faggots again", "burn in hell", "Somebody should shoot you"),
    *(
        "you’re pathetic and useless",
        "You are nothing but a parasite",
        "watch your back",
        "send nudes",
        "you disgust me",
    ),
]
TOXIC_ES = [
    *("Eres idiota.", "eres un imbécil de cuidado", "Sois unos inútiles", "cállate, gilipollas", "vete a la mierda"),
    *("Que te den por culo", "hijo de puta", "Te voy a matar", "os voy a partir la cara", "ojalá te mueras"),
    *("Suicídate", "Sé dónde vives", "Los inmigrantes son basura", "las mujeres son más tontas que los hombres"),
    *("moros de mierda", "maricón", "Todos los gitanos son unos ladrones", "odio a los negros", "eres una zorra"),
    *("Pedazo de animal, aprende a leer", "no vales para nada", "Jódete", "chinga tu madre", "La concha de tu madre"),
    *("sos un pelotudo", "Pinche pendejo", "malparido, conteste", "Sois una panda de subnormales", "me das asco"),
    *(
        "3r3s un 1mb3c1l",
        "eres un i d i o t a",
        "ERES UN FRACASADO",
        "eres tonta o qué",
        "eres tan estúpida",
        "usted es un payaso",
    ),
    *("Tu puta madre", "su empleado es un gilipollas", "ese cabrón del mostrador", "vaya panda de idiotas"),
    *("muérete", "Habría que fusilaros", "puto moro", "sudaca asqueroso", "chúpame la polla", "mereces que te peguen"),
    *(
        "Tienes el cerebro de un mosquito",
        "so memo",
        "cierra la puta boca",
        "nadie te soporta",
        "los judíos son una plaga",
    ),
    *(
        "eres más tonto que hecho de encargo",
        "no eres más que una rata",
        "váyase a la mierda",
        "te reviento",
        "das asco",
    ),
]
FINE_EN = [
    "A chink in the wall lets light in.",
    *(
        "You are right.",
        "You are an angel, thank you.",
        "I feel like an idiot, sorry.",
        "I'm so stupid, I forgot my card.",
    ),
    *("My boss called me an idiot, what can I do?", 'He said "you are a moron" to my daughter.', "You are not stupid."),
    *("How do I kill a process on Linux?", "Kill the lights, please.", "The battery is dead.", "an idiot-proof guide"),
    *(
        "What does 'imbecile' mean?",
        "The Idiot is a novel by Dostoevsky.",
        "Moby-Dick is long.",
        "We saw Dick Van Dyke.",
    ),
    *(
        "I live in Scunthorpe.",
        "The bitch had six puppies.",
        "The assassin is in the class.",
        "That is a useless feature.",
    ),
    *("This stupid printer does not work.", "Women are the majority of our customers.", "Immigrants need this form."),
    *(
        "Muslims fast in Ramadan.",
        "The pigs and rats are fed at six.",
        "Trash is collected on Monday.",
        "You pig farmers know it.",
    ),
    *("I would kill for a coffee.", "You're killing me, that is so funny.", "He died of cancer.", "The joke is lame."),
    *(
        "Don't call him an idiot.",
        "Is it rude to say 'shut up'?",
        "I was told to go to hell by your agent.",
        "pass the cocktail",
    ),
    *(
        "a fat-free yoghurt for fat people",
        "The worthless coupon expired.",
        "You are lazy-loading the images.",
        "You are third among the losers of weight.",
    ),
    *(
        "This is bullshit, I want my money.",
        "Damn, that was fast!",
        "Nobody is an idiot here.",
        "Grapes of Wrath",
        "shoot me an email",
    ),
    *(
        "Gay people can adopt here.",
        "The black ones are sold out.",
        "I hate those shoes.",
        "I will beat you at chess.",
        "the game is sick",
    ),
]
FINE_ES = [
    "Kike Acedo viene a la excursión.",
    *("Eres muy amable.", "Soy idiota, se me olvidó la tarjeta.", "Qué tonto soy, perdón.", "Me siento un inútil."),
    *("Mi jefe me llamó imbécil, ¿qué puedo hacer?", "Me dijo «eres gilipollas» delante de todos.", "No eres tonto."),
    *(
        "¿Qué significa «gilipollas»?",
        "La cena de los idiotas es una película.",
        "Saque la basura orgánica.",
        "Mi perra come mucho.",
    ),
    *(
        "El cerdo ibérico es caro.",
        "La zorra cruzó el campo.",
        "Un payaso para el cumpleaños.",
        "Las ratas del laboratorio.",
    ),
    *("La impresora es una mierda.", "El abrigo negro se ha agotado.", "Los negros están agotados, quedan los azules."),
    *(
        "Las mujeres son mayoría entre los clientes.",
        "Los inmigrantes necesitan este formulario.",
        "Un cono de helado.",
    ),
    *(
        "Los gitanos celebran su día en abril.",
        "El ordenador está muerto.",
        "¿Cómo mato un proceso en Linux?",
        "Me muero de risa.",
    ),
    *(
        "Ese puente es una basura de obra.",
        "No llames idiota a tu hermano.",
        "Es una tontería, pero dígame.",
        "Te voy a partir el pan.",
    ),
    *(
        "El burro de mi abuelo.",
        "Coño, qué frío hace.",
        "Joder, qué rápido ha llegado.",
        "La polla de agua es un ave.",
        "De puta madre, gracias.",
    ),
    *("Nadie es tonto aquí.", "Te voy a matar a besos, gracias.", "Voy a matarme a estudiar.", "La rata come queso."),
    *(
        "Muere el actor que hizo de payaso.",
        "La lista de perdedores del sorteo.",
        "El partido fue pésimo.",
        "Los viejos son sabios.",
    ),
    *(
        "La miserable cifra de tres euros.",
        "Cortar la rama muerta.",
        "Quiero romper el contrato.",
        "Los pobres necesitan ayuda.",
    ),
]


@pytest.fixture(scope="module")
def toxicity() -> Toxicity:
    return Toxicity()


def share(spans, detector: Toxicity, texts: list[str]) -> float:
    return sum(bool(spans(detector, text)) for text in texts) / len(texts)


@pytest.mark.parametrize(("texts", "language"), [(TOXIC_EN, "en"), (TOXIC_ES, "es")])
def test_nearly_all_abuse_is_found(spans, toxicity: Toxicity, texts: list[str], language: str) -> None:
    missed = [text for text in texts if not spans(toxicity, text)]
    print(f"\nOUT recall {language}: {len(texts) - len(missed)} of {len(texts)}; missed {missed}")
    assert len(missed) <= 0.05 * len(texts), missed


@pytest.mark.parametrize(("texts", "language"), [(FINE_EN, "en"), (FINE_ES, "es")])
def test_quoting_reporting_and_innocent_words_pass(spans, toxicity: Toxicity, texts: list[str], language: str) -> None:
    wrong = [text for text in texts if spans(toxicity, text)]
    print(f"\nOUT false alarms {language}: {len(wrong)} of {len(texts)}; {wrong}")
    assert len(wrong) <= 0.03 * len(texts), wrong


@pytest.mark.parametrize(
    ("text", "threshold"),
    [
        ("I will kill you", 0.9),
        ("Te voy a matar", 0.9),
        ("all muslims are terrorists", 0.9),
        ("you are an idiot", 0.7),
        ("eres un imbécil", 0.7),
        ("she is an idiot", 0.5),
        ("ese gilipollas de ayer", 0.5),
        ("idiots everywhere", 0.4),
        ("hay idiotas en todas partes", 0.4),
        ("this is fucking great", 0.25),
        ("joder, qué bien", 0.25),
        ("¡coño!", 0.25),
    ],
)
def test_the_threshold_is_a_severity(spans, text: str, threshold: float) -> None:
    assert spans(Toxicity(threshold=threshold), text)
    assert not spans(Toxicity(threshold=min(1.0, threshold + 0.2)), text) or threshold >= 0.9


def test_kinds_can_be_chosen(spans) -> None:
    text = "You are an idiot and I will kill you."
    assert {span.entity for span in spans(Toxicity(), text)} == {"INSULT", "THREAT"}
    assert [span.entity for span in spans(Toxicity(kinds=frozenset({"THREAT"})), text)] == ["THREAT"]


def test_offsets_are_those_of_the_original(spans, toxicity: Toxicity) -> None:
    text = "Pues… e\u200bres un ídiоta, la verdad."
    [span] = spans(toxicity, text)
    assert text[span.start : span.end] == "e\u200bres un ídiоta"


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    text=st.sampled_from([*TOXIC_EN, *TOXIC_ES, *FINE_EN, *FINE_ES]),
    at=st.integers(0, 200),
    cuts=st.lists(st.integers(0, 900), max_size=20),
)
def test_any_cut_is_the_same(streamed, redacted, toxicity: Toxicity, text: str, at: int, cuts: list[int]) -> None:
    filler = "We looked at it and all is fine, the parcel left the depot today. " * 4
    text = f"{filler[:at]}\n{text}\n{filler}"
    assert streamed(toxicity, text, cuts) == redacted(toxicity, text)
