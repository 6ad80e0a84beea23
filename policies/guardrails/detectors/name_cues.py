"""Words around names: what introduces a person, what says that capitals name something else. Accent-free, lower case."""

from __future__ import annotations

INTRODUCES = (
    # Spanish
    r"\bm[e]? llamo(?: a)?|\bse llama|\bmi nombre(?: completo)? es|\bsu nombre es|\ba nombre de|\ben nombre de"
    r"|\bnombre(?:s)?(?: y apellidos?)?(?: del? \w+)?\W{1,4}|\bapellidos?(?: y nombre)?\W{1,3}|\btitular(?: verificad[oa])?\W{1,3}"
    r"|\b(?:la|el) titular(?: es| de la cuenta es)?|\btitular (?:soy yo|es),?|\bpacientes?\W{1,3}|\bclientes?\W{1,3}"
    r"|\b(?:la|el) clienta?,?|\bsolicitantes?\W{1,3}|\bfirmad[oa](?: por)?\W{1,3}|\bfdo\W{1,3}|\bremit(?:e|ente)\W{1,3}"
    r"|\bdestinatari[oa]\W{1,3}|\bconductora?(?: identificad[oa])?\W{1,3}|\bbeneficiari[oa]\W{1,3}|\brepresentad[oa] por"
    r"|\brepresentante(?: legal)?\W{1,3}|\bcontacto(?: de emergencia)?\W{1,3}|\basegurad[oa],?\W{1,2}|\bempadronad[oa](?:/a)?\W{1,3}"
    r"|\bparticipantes?\W{1,3}|\basist(?:en|entes?)\W{1,3}|\btutora?(?: legal)?\W{1,3}|\bmedic[oa](?: responsable)?\W{1,3}"
    r"|\bemplead[oa]\W{1,3}|\bproveedora?\W{1,3}|\btrabajadora?,?\W{1,2}|\bcurriculum\W{1,3}|\bexpediente escolar de"
    r"|\bpreguntar? por|\bbuscamos a|\botorgo poder a|\bpropiedad de|\bexpedido a|\bvoto de|\bdatos de|\bse cita a"
    r"|\bestimad[oa]s?(?: sr\.| sra\.| senora?| don| dona)?|\bquerid[oa]s?|\bapreciad[oa]s?|\bbuen[oa]s (?:dias|tardes|noches),?|\bhola,?"
    r"|\bsr\.?|\bsra\.?|\bsrta\.?|\bsenor(?:a|ita)?|\bdon|\bdona|\bd\.|\bdna\.|\bd\.?ª|\bdra?\.|\bdoctora?|\blic\.|\bing\.|\bprof\."
    r"|\batentamente[,.:]?|\bun (?:cordial )?saludo[,.:]?|\bsaludos(?: cordiales)?[,.:]?|\bcordialmente[,.:]?|\bun abrazo[,.:]?"
    r"|\bbesos[,.:]?|\bgracias[,.:]|\bfirma\W{1,3}|\bmi (?:hij[oa]|madre|padre|herman[oa]|espos[oa]|marido|mujer|novi[oa]|pareja|jef[ea]|abuel[oa]|ti[oa]|prim[oa]),?"
    r"|\bme atendio|\bmanifiesta que|\bla deudora,?|\bel deudor,?|\btecnic[oa],|\basesora?|\bvecin[oa],?|\bno soy|\bsoy|\bsomos"
    r"|\bescribe(?:le|nos)? a|\bcorreo (?:para|a)|\bavis(?:a|ar|ad|e) a|\bhabl(?:e|ar|a|o) con|\breunion con|\bcita de|\bficha de"
    r"|\bnumero de|\bremitido por|\bentregad[oa] (?:a|por)|\bpresidente(?: es|,)?|\badministradora?(?: es|,)?"
    # English
    r"|\bmy (?:full |first |last |maiden |middle )?name is|\bhis name is|\bher name is|\bname(?:'s| is)|\bnames?\W{1,8}"
    r"|\b(?:i'm|i am|this is|it's|call me|calls me|called|named|it is)|\bmr\.?|\bmrs\.?|\bms\.?|\bmiss|\bsir|\bmadam|\bprofessor"
    r"|\bdear|\bhi,?|\bhello,?|\bhey,?|\bsincerely[,.]?|\bregards[,.]?|\bcheers[,.]?|\bthanks[,.]|\bsigned\W{1,3}|\byours[,.]"
    r"|\bon behalf of|\bask for|\bcontact|\bplease call|\bcall|\baccount of|\bpatient\W{1,3}|\bcustomer\W{1,3}|\bclient\W{1,3}"
    r"|\bmy (?:son|daughter|kid|wife|husband|brother|sister|mother|father|friend|boss|mom|dad|aunt|uncle)|\bwitness,?|\bfrom\W{1,2}"
    r"|\bdirected by\W{1,6}|\bstarring|\bhired|\bmet|\bspoke (?:to|with)|\btalk(?:ed)? to|\bfollow up with|\bneed to add|\bwant to add"
)
"""A person's name may follow directly."""

LEADS = r"\b(?:a|de|del|con|para|por|y|e|of|with|for|to|by|and|from)"
"""Small words before many names: weak evidence."""

NO_PERSON = (
    r"\b(?:calle|c/|avenida|avda\.?|av\.|plaza|paseo|ronda|rua|camino|carretera|travesia|glorieta|hospital|clinica|instituto|ies|ceip"
    r"|colegio|escuela|universidad|facultad|premio|teatro|museo|estadio|fundacion|parque|estacion|aeropuerto|ley|teorema|algoritmo"
    r"|barrio|iglesia|catedral|ermita|virgen|san|santa|santo|isla|islas|puerto|sierra|rio|cabo|monte|playa|biblioteca|restaurante"
    r"|bar|hotel|cafe|bodegas?|viveros|panaderia|farmacia|optica|seguros|transportes|suministros|instalaciones|grupo|talleres"
    r"|logistica|construcciones|hermanos|muebles|libreria|asesoria|gestoria|autoescuela|academia|ferreteria|pescaderia|carniceria"
    r"|street|road|avenue|lake|mount|river|university|college|school|church|bank|theatre|museum|stadium|airport|prize|award|fort|port)"
    r"(?: (?:de|del|de la|of))?"
)
"""What these words name is no person."""

COMPANY_AFTER = r"^,? ?(?:s\.?l\.?u?\.?|s\.?a\.?u?\.?|s\. ?coop\.?|c\.b\.|inc\.?|ltd\.?|llc|gmbh|corp\.?|and sons|e hijos|y asociados|y cia)(?:\W|$)"
"""What stands before it is a company."""

PARTICLES = frozenset(
    "de del la las los el y i e da do dos das di du van von der den ben bin al ibn san santa le mc st".split()
)
"""Inside a name, never at its end."""

TITLES = frozenset(
    "sr sra srta senor senora senorita don dona d dna dr dra doctor doctora mr mrs ms miss sir madam lic ing prof hola estimado estimada"
    " querido querida gracias saludos atentamente dear hi hello thanks regards soy yo bot user de para con por el la los las un una".split()
)
"""Never part of a name, though they stand before it in capitals."""
