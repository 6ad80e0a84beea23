"""Words around names: what introduces a person, and what names something else. Accent-free, lower case."""

from __future__ import annotations

from policies.guardrails.patterns import words

_LABEL = r"\W{0,2}[:=>|]\W{0,8}"
"""Between a form's label and its value: `Nombre: `, `"nombre": "`, `<nombre>`, `nombre=`."""

STRONG = (
    r"\bm[e]? llamo(?: a)?|\bse llama|\b(?:mi|su) nombre(?: completo)? es|\b(?:a|en) nombre de|\botorgo poder a"
    r"|\bvoto de"
    r"|\b(?:nombres?(?: y apellidos?)?(?: completo)?(?: del? \w+)?|apellidos?(?: y nombres?)?"
    r"|titular(?: verificad[oa])?|pacientes?"
    r"|clientes?|solicitantes?|firmado|firmada|fdo|firma|remitente|remite|destinatari[oa]"
    r"|conductora?(?: identificad[oa])?"
    r"|beneficiari[oa]|representante(?: legal)?|contacto(?: de emergencia)?|asegurad[oa]|empadronad[oa](?:/a)?"
    r"|participantes?"
    r"|asistentes?|tutora?(?: legal)?|medic[oa](?: responsable)?|empleada?|empleado|proveedora?|trabajadora?"
    r"|curriculum|usuari[oa]"
    r"|founders?|fundador(?:es|as?)?|authors?|autor(?:es|as?)?|speakers?|ponentes?|guests?|invitad[oa]s?|winners?"
    r"|full ?name|names?|customer|client|patient|contact|signed|attendees|employee|director|agent|buyer"
    rf"|seller){_LABEL}"
    r"|\brepresentad[oa] por|\bexpediente escolar de|\bpreguntar? por|\bbuscamos a|\bpropiedad de|\bexpedido a"
    r"|\bse cita a"
    r"|\bestimad[oa]s?(?: senora?)?|\bquerid[oa]s?|\bapreciad[oa]s?|\bsr\.|\bsra\.|\bsrta\.|\bsenor(?:a|ita)|\bdon"
    r"|\bdona|\bd\.|\bdna\."
    r"|\bd\.?ª|\bdra?\.|\bdoctora?|\blic\.|\bing\.|\bprof\.|\batentamente[,.:]?|\bun (?:cordial )?saludo[,.:]"
    r"|\bsaludos(?: cordiales)?[,.:]"
    r"|\bcordialmente[,.:]|\bun abrazo[,.:]|\bfirmado por|\bme atendio|\b(?:el|la) deudora?,|\bla clienta,"
    r"|\bel cliente,|\btecnic[oa],"
    r"|\bmi (?:hij[oa]|madre|padre|herman[oa]|espos[oa]|marido|mujer|novi[oa]|pareja|jef[ea]|abuel[oa]|ti[oa]"
    r"|prim[oa]),?"
    r"|\bmy (?:full |first |last |maiden |middle )?name is|\b(?:his|her) name is|\bname is|\bname's|\bnamed (?:him"
    r"|her)|\bcall(?:s|ed)? (?:me|him|her)"
    r"|\bmr\.?|\bmrs\.?|\bms\.?|\bmadam|\bprofessor|\bdear|\bsincerely[,.]|\bregards[,.]|\byours[,.]|\bon behalf of"
    r"|\bfull name"
    r"|\bmy (?:son|daughter|kid|wife|husband|brother|sister|mother|father|boss|mom|dad|aunt|uncle),?|\bwitness,"
    r"|\bdirected by:?\W{0,6}"
    r"|\bstarring|\bmaiden name is|\b(?:first|last|full|family|your|middle) name\?|\bnombre(?: completo)?\?"
    r"|\bte llamas\?"
    r"|\bse llama usted\?|\bapellidos?\?|\bwho am i (?:talking|speaking) (?:to|with)\?|\bmi apellido es|\bapellidad[oa]"
    r"|\bsurname is|\bsigned by|\bon the account of|\bbest(?: regards| wishes)?,|\bkind regards,?|\bun abrazo de"
    r"|\bse despide,?|\bquedo a su disposicion,"
)
"""Directly before a name: even one that no list has, if it is written like one."""

WEAK = (
    r"\btitular(?: es| soy yo)?,?|\b(?:la|el) titular(?: es)?|\bclientes?|\basesora?|\btrabajadora?|\bpacientes?"
    r"|\bvecin[oa],?|\bno soy|\bsoy|\bsomos"
    r"|\bbuen[oa]s (?:dias|tardes|noches),?|\bhola,?|\bgracias[,.:]|\bbesos[,.:]?|\bmanifiesta que|\basisten"
    r"|\bdatos de|\bnotario de \w+"
    r"|\bescribe(?:le|nos)? a|\bcorreo (?:para|a)|\bavis(?:a|ar|ad|e) a|\bhabl(?:e|ar|a|o) con|\breunion con"
    r"|\bcita de|\bficha de|\bcontactar con"
    r"|\bnumero de|\bremitido por|\bentregad[oa] (?:a|por)|\bpresidente(?: es|,)?|\badministradora?(?: es|,)?"
    r"|\bbeso a|\brecuerdos a|\bsaluda a"
    r"|\bfacturar a|\bpedir a|\bpago de|\bfalta el de|\badeudar \w+ euros a|\bnacido de|\bpropina para|\bgracias a"
    r"|\bempleado:"
    r"|\b(?:i'm|i am|this is|it's|it is)|\bhi,?|\bhello,?|\bhey,?|\bcheers[,.]?|\bthanks[,.]|\bask for|\bcontact"
    r"|\bplease call|\bcall"
    r"|\baccount of|\bmy friend|\bfriend|\bhired|\bmet|\bspoke (?:to|with)|\btalk(?:ed)? (?:to|with)"
    r"|\bfollow up with|\bneed to add|\bwant to add"
    r"|\badd|\btell|\bwhy is|\bshouted at|\bsaid|\bassistant to|\bsir|\bmiss|\buser:|\bcalled|\bnamed|\bbeneficiary:?"
)
"""Before many names, and before much else: only for names that a list has, or that the model found."""

LEADS = r"\b(?:a|de|del|con|para|por|y|e|of|with|for|to|by|and)"
"""Small words before many names: the least evidence."""

FOLLOWS = (
    r"^,? ?(?:vive en|llamo|llama|dice|dijo|pide|quiere|trabaja|nacio|tiene|supera|propone|escribio|ha pagado"
    r"|ingresa|lives? (?:at|in|on)|shouted"
    r"|said|says|called|spent|had given|is very|is a very|can be reached|can i please|will be|was born|wrote|works"
    r"|asked|told|has to|needs"
    r"|replied|whispered|smiled|nodded|sighed|grew up|got married|passed away|was arrested"
    r"|respondio|contesto|sonrio|fallecio|se caso|crecio en"
    r"|missed|\(?nacid[oa]|\(?born)\b|^, (?:la|el|su|mi|con|mayor) "
)
"""After many names."""

NO_PERSON = (
    r"\b(?:calle|c/|avenida|avda\.?|av\.?|plaza|paseo|ronda|rua|camino|carretera|travesia|glorieta|hospital|clinica"
    r"|instituto|ies|ceip"
    r"|colegio|escuela|universidad|facultad|premio|teatro|museo|estadio|fundacion|parque|estacion|aeropuerto|ley"
    r"|teorema|algoritmo"
    r"|barrio|iglesia|catedral|ermita|virgen|san|santa|santo|isla|islas|puerto|sierra|rio|cabo|monte|playa"
    r"|biblioteca|restaurante"
    r"|bar|hotel|cafe|bodegas?|viveros|panaderia|farmacia|optica|seguros|transportes|suministros|instalaciones"
    r"|grupo|talleres"
    r"|logistica|construcciones|hermanos|muebles|libreria|asesoria|gestoria|autoescuela|academia|ferreteria"
    r"|pescaderia|carniceria"
    r"|street|road|lake|mount|river|university of|college|church|bank of|theatre|museum|stadium|airport|prize|award"
    r"|fort|port"
    r"|efecto|principio|ecuacion|sindrome|enfermedad|constante|escala|metodo|maniobra|trofeo|copa|torneo|puente"
    r"|torre|palacio"
    r"|castillo|metro|parada|modelo|marca|editorial|cadena|tienda|supermercados?|hospedaje|residencia|pabellon"
    r"|auditorio"
    r"|version de|empleado de|vuelve a|empresa)(?: (?:de|del|de la|of))?"
)
"""What these words name is no person."""

THINGS = words(
    "copa premio trofeo torneo teorema metodo efecto sindrome escala virgen ensalada salsa tarta vino cerveza"
    " calzados muebles talleres viveros seguros banco caja hotel restaurante cafeteria calle avenida plaza"
    " paseo hospital clinica colegio instituto universidad museo teatro estadio fundacion parque estacion aeropuerto"
    " award prize cup trophy law theorem method effect syndrome bank hotel street avenue hospital school university"
    " museum theatre stadium foundation"
)
"""Words that begin the name of a thing, unless a list has them as a name, or the words before introduce a person."""

PLACE_BEFORE = (
    r"\b(?:in|at|near|across|(?:coming|going|go|fly|flying|travel|trip|drive|driving|train|bus|flight) to|around"
    r"|outside"
    r"|(?:moved|originally|here|comes?|travel\w*|returned|arrived|back) (?:here )?(?:from|to|at)"
    r"|visit(?:ing)?|study in|work for|works for)"
)
"""What the model finds after these is a place or a company more often than a person."""

COMPANY_AFTER = (
    r"^(?:['’]s)? (?:disease|syndrome|laws?|theorem|principle|equations?|transform|effect|constant|test|scale|curve"
    r"|method"
    r"|algorithm|manoeuvre|maneuver|comet|paradox|conjecture|distribution|diagram|matrix|awards?|prize|medal|cup|trophy"
    r"|stadium|airport|station|square|park|bridge|tower|hall|hotel|hospital|university|college|school|foundation"
    r"|institute"
    r"|museum|library|theatre|theater|gallery|cent(?:er|re)|islands?|lake|river|bay|beach|county|lane|drive|close|court"
    r"|sauce|salad|server|browser|cluster|plugin|framework|festival|championship|league|act|report|bank|insurance"
    r"|motors"
    r"|records|airlines|brothers|stores?|brand|model|hybrid|engine|edition|browser|database|reserve|memorial"
    r"|cathedral)\b"
    r"|^,? ?(?:s\.?l\.?u?\.?|s\.?a\.?u?\.?|s\. ?coop\.?|c\.b\.|inc\.?|incorporated|ltd\.?|llc|gmbh|corp\.?"
    r"|corporation|group|technologies"
    r"|and sons|e hijos|y asociados|y cia|street|avenue|road|country club)(?:\W|$)"
)
"""What stands before it is a company or a place."""

PLACES = words(
    "street st avenue ave road rd lane drive boulevard square court airport hospital clinic university college school"
    " hotel park lake river island beach mountain valley county city town church bridge station museum stadium theatre"
    " building tower center centre hall house inn company corporation inc ltd llc group foundation institute award"
    " prize"
    " calle avenida plaza s sa sl"
)
"""After a given name, what makes it a place or a company."""

PARTICLES = words("de del la las los el y i e da do dos das di du van von der den ben bin al ibn san santa le mc")
"""Inside a name, never at its end."""

TITLES = words(
    "sr sra srta senor senora senorita don dona dna dr dra doctor doctora mr mrs ms miss sir madam lic ing prof"
    " hola estimado estimada"
    " querido querida gracias saludos atentamente dear hi hello thanks regards soy yo bot user i i'm i'd i've i'll"
    " he she they we it ella ellos ellas ustedes recien"
)
"""Never part of a name, though they stand before it in capitals."""
