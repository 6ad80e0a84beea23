"""Wordings that ask for what is hidden: instructions, prompts, secrets, data of others.

Lower case, without accents; English and Spanish. See injection_rules.py for what a weight means.
"""

from __future__ import annotations

from policies.guardrails.detectors.injection_rule import Rule

_HIDDEN_TEXT = (
    r"(?:(?:system|hidden|secret|initial|original|setup|internal|confidential|real|full|own|master)[ -]?(?:prompt"
    r"|message|instructions?|text|rules|guidelines|configuration|config|word|key|code)|passphrase|admin password"
    r"|vault code|prompts?|secret (?:word|key|code))"
)
_TEXTO_OCULTO = (
    r"(?:(?:prompt|mensaje|instrucciones|reglas|configuracion|indicaciones|consigna)(?: \w+){0,2} (?:sistema"
    r"|ocult[oa]s?|intern[oa]s?|secret[oa]s?|inicial(?:es)?|original(?:es)?|complet[oa]s?|enter[oa]s?)|prompt"
    r"|mensaje de sistema|clave secreta|palabra secreta)"
)
_SHOW_EN = (
    r"(?:show|print|reveal|output|display|dump|tell|give|repeat|read|write|type|spell|share|leak|expose|return|list"
    r"|copy|paste|recite|summari[sz]e|translate|encode|say|disclose)"
)
_SHOW_ES = (
    r"(?:muestra(?:me)?|muestrame|ensena(?:me)?|imprime|revela(?:me)?|di(?:me)?|da(?:me)?|repite|lee(?:me)?|escribe"
    r"|copia(?:las)?|pega(?:la)?|lista(?:las)?|cuenta(?:me)?|resume|traduce|codifica|vuelca|comparte|transcribe"
    r"|recita|pasa|deletrea|filtra)"
)

LEAK = (
    Rule(
        "leak-en",
        0.7,
        rf"\b{_SHOW_EN}\b[^\n.!?]{{0,50}}\b(?:your|the|its|this|hidden|admin|system)\b[^\n.!?]{{0,20}}\b{_HIDDEN_TEXT}\b",
    ),
    Rule(
        "leak-verbatim-en",
        0.7,
        r"\b(?:repeat|print|output|copy|say|write|recite)\b[^\n.!?]{0,30}\b(?:text|words?|everything|all|message"
        r"|lines?|instructions?)\b[^\n.!?]{0,12}\b(?:above|before this|preceding|prior to this|at the (?:top"
        r"|beginning))\b",
    ),
    Rule(
        "starts-you-are-en",
        0.6,
        r"\bstart(?:ing|s)? with [\"'“]?you are\b",
    ),
    Rule(
        "confess-en",
        0.65,
        r"\bmy (?:confidential|secret|hidden|internal|system) (?:guidelines|instructions|rules|prompt)\b|\b(?:full"
        r"|entire|complete) (?:prompt|system prompt)(?: text)?\b",
    ),
    Rule(
        "tools-en",
        0.6,
        r"\bwhich (?:tools|functions|apis)\b[^\n]{0,40}\b(?:keys?|tokens?|credentials?|schema)\b|\bdump (?:the"
        r"|your) (?:config|schema|memory|tokens?|database|context)\b",
    ),
    Rule(
        "password-en",
        0.6,
        r"\b(?:what(?:'s| is)|tell me|give me|confirm|share|reveal|say|know|send me|provide)\b[^\n.!?]{0,30}\b(?:the "
        r"|our |your |my )?(?:system|admin|root|master|secret|database|server)?[' ]?(?:password|passphrase"
        r"|passcode)\b(?: (?:for|to|of) (?:our|the|this) (?:system|server|database|vault|company))",
    ),
    Rule(
        "password-system-en",
        0.5,
        r"\b(?:our|the) system(?:'s)? password\b|\bpassword for our system\b|\bask for your password\b",
    ),
    Rule(
        "personal-en",
        0.45,
        r"\bgive me \w+'s (?:birth ?date|email(?: address)?|phone|address|password|ssn|salary)\b|\bshow user \d+\b"
        r"|\blist every stored\b",
    ),
    Rule(
        "leak-es",
        0.7,
        rf"\b{_SHOW_ES}\b[^\n.!?]{{0,45}}\b(?:tus?|vuestr[oa]s?)\b[^\n.!?]{{0,20}}\b{_TEXTO_OCULTO}|\b{_SHOW_ES}"
        rf"\b[^\n.!?]{{0,30}}\b(?:el|la|las|los)\b[^\n.!?]{{0,20}}\b{_TEXTO_OCULTO}(?:[^\n]{{0,3}}$|[.,;:!?]"
        r"| (?:palabra|entre|que te|completo|entero|y |en ))",
    ),
    Rule(
        "leak-question-es",
        0.65,
        r"\b(?:que|cual(?:es)?|como)\b[^\n.!?]{0,40}\b(?:tu (?:prompt|mensaje de sistema|configuracion interna"
        r"|memoria)|las instrucciones que (?:recibiste|te dieron)|herramientas y funciones internas)",
    ),
    Rule(
        "leak-verbatim-es",
        0.7,
        r"\b(?:repite|copia|imprime|lee(?:me)?|escribe|di(?:me)?|muestra)\b[^\n.!?]{0,30}\b(?:todo lo que hay"
        r"|lo que hay|el primer mensaje|el texto|las frases?)\b[^\n.!?]{0,25}\b(?:antes|encima|arriba|anterior"
        r"|no es mio|por encima)",
    ),
    Rule(
        "starts-eres-es",
        0.6,
        r"\bempezando por [«\"'“]?eres\b",
    ),
    Rule(
        "secret-es",
        0.6,
        r"\b(?:mis|tus) instrucciones (?:secretas|ocultas|internas)\b|\b(?:dime|cuentame|revela) (?:el|tu) secreto\b"
        r"|\blo que te han prohibido (?:contar|decir|revelar)|\bque te prohibieron (?:revelar|contar|decir)"
        r"|\blo que no quieres contarme\b|\bcomo estas configurado\b",
    ),
    Rule(
        "password-es",
        0.65,
        r"\b(?:la|tu) (?:contrasena|clave|palabra) (?:que te dieron|secreta|de administrador|maestra)\b|\b(?:dame"
        r"|dime|deletrea|di)(?:me)? (?:la|tu) (?:clave|contrasena|codigo)\b[^\n]{0,25}\b(?:letras|guiones|reves"
        r"|separad)|\bsi no me das (?:el|la) (?:codigo|contrasena|clave)",
    ),
    Rule(
        "others-es",
        0.55,
        r"\b(?:datos|direccion|telefono|correo|mensajes?) (?:de|del) (?:la persona que escribio antes|ultimo cliente"
        r"|otro usuario|otros usuarios|los demas usuarios)\b|\blista de (?:los )?usuarios\b|\blistar los usuarios\b",
    ),
    Rule(
        "told-en",
        0.55,
        r"\bwhat(?:ever)? (?:were you|you were|you've been|have you been|did (?:they|your \w+|the (?:developer"
        r"|operator|system|company))|your (?:operator|developer|creator|boss))[^\n.!?]{0,20}\b(?:told|instructed"
        r"|given|tell|say|said|instruct|asked to (?:keep|hide))\b|\bthe (?:instructions?|text|message|words?"
        r"|prompt) (?:you (?:were|got|received|have been)|that (?:came|comes|precede|were given)|before (?:this|my)"
        r"|above)",
    ),
    Rule(
        "told-es",
        0.55,
        r"\b(?:que|cual(?:es)?|lo que|todo lo que)\b[^\n.!?]{0,15}\b(?:te (?:han|habian|hayan|dijeron|dieron"
        r"|ordenaron|mandaron|pidieron|explicaron|escribieron|prohibieron|configuraron)|recibiste|tienes (?:prohibido"
        r"|ordenado|configurado|escrito)|hay (?:escrito )?(?:antes|arriba|encima))\b|\b(?:el texto|las palabras"
        r"|las frases|el mensaje|las instrucciones) (?:que (?:preceden?|hay antes|te dieron|recibiste|van antes)"
        r"|de arriba|anterior(?:es)? a (?:este|mi))",
    ),
    Rule(
        "first-line",
        0.45,
        r"\b(?:first|initial|opening|very first|last) (?:line|sentence|words?|message|paragraph|\d+ words) (?:of|in"
        r"|from) (?:your|the|this) (?:prompt|system|conversation|instructions?|context|chat)|\b(?:primer[ao]?s?"
        r"|inicio|comienzo|principio)\b[^\n.!?]{0,15}\b(?:de tu|de la conversacion|del prompt|del contexto|del chat"
        r"|de tus)\b",
    ),
    Rule(
        "verbatim",
        0.3,
        r"\b(?:verbatim|word for word|letter by letter|exactly as (?:written|given)|palabra por palabra|textualmente"
        r"|literalmente|letra por letra|tal cual|al pie de la letra|sin (?:cambiar|omitir|resumir) nada)\b",
    ),
    Rule(
        "secret-ask-en",
        0.58,
        r"\b(?:what(?:'s| is| was)|tell(?: me)?|give(?: me)?|confirm|share|sharing|reveal|provide|disclose|hand over"
        r"|i need|guess|hint (?:at|about|for)|spell)\b[^\n.!?]{0,30}\b(?:your|the|our|its) (?:(?:secret|admin|system"
        r"|master|root|hidden|database|access|vault|internal) ){0,2}(?:password|passphrase|passcode|secret(?: (?:word"
        r"|key|code|phrase)|[?.!,]|$)|api key|access token|credentials)\b",
    ),
    Rule(
        "secret-ask-es",
        0.58,
        r"\b(?:cual es|dime|dame|confirma|comparte|compartir|revela|proporciona|necesito|pasame|adivinar|pista (?:de"
        r"|sobre)|deletrea|facilita|confirmes|confirmar)\b[^\n.!?]{0,30}\b(?:tu contrasena|tu clave|tus credenciales"
        r"|(?:la|el) (?:contrasena|clave|palabra|codigo|frase|token) (?:secret[oa]|de (?:acceso|administrador|admin"
        r"|sistema|root|tu|nuestro|la base)|del (?:sistema|administrador|servidor)|que (?:te|guardas|tienes|conoces"
        r"|escondes|proteges|custodias))|la contrasena de nuestro sistema|(?:el|tu) secreto)\b",
    ),
)
"""All of this kind."""
