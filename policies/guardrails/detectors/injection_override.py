"""Wordings that override what the model was told.

Lower case, without accents; English and Spanish. See injection_rules.py for what a weight means.
"""

from __future__ import annotations

from policies.guardrails.detectors.injection_rule import Rule

_W = r"[^\n.!?]"
_RULES_EN = (
    r"(?:instructions?|directions?|directives?|guidelines?|rules?|prompts?|polic(?:y|ies)|programming|training"
    r"|constraints?|restrictions?|safeguards?|filters?|protocols?|orders|commands)"
)
_RULES_ES = (
    r"(?:instruccion(?:es)?|indicaciones|directrices|directivas|reglas?|normas?|prompts?|ordenes|politicas?"
    r"|restricciones|limites|limitaciones|filtros|protocolos|programacion|configuracion|consignas|pautas)"
)

OVERRIDE = (
    Rule(
        "override-en",
        0.9,
        r"\b(?:ignor(?:e|es|ing)|disregard(?:ing)?|forget|bypass|override|overrule|drop|skip|cancel|neglect"
        rf"|do not (?:follow|obey)|don't (?:follow|obey)) {_W}{{0,40}}?\b(?:previous|prior|above|earlier|preceding"
        r"|former|foregoing|your|initial|original|all(?: of)?(?: the| your)?|system|these|those|any|existing"
        rf"|operator|developer|safety) {_W}{{0,25}}?\b{_RULES_EN}\b",
    ),
    Rule(
        "override-all-en",
        0.85,
        r"\b(?:ignore|disregard|forget) (?:everything|all|anything|what|whatever)\b[^\n.!?]{0,30}\b(?:above|before"
        r"|previous(?:ly)?|said|told|operator|so far|prior)\b",
    ),
    Rule(
        "override-above-en",
        0.75,
        r"\b(?:ignore|disregard) (?:the )?(?:above|previous|prior|rest of (?:the|this) (?:document|text|page|message)"
        r"|(?:user|original)(?:'s)? (?:request|question|task))\b",
    ),
    Rule(
        "forget-your-en",
        0.7,
        rf"\bforget (?:that you|your|you are|all)\b[^\n.!?]{{0,30}}\b(?:{_RULES_EN}|assistant|ai|chatbot|bot)\b",
    ),
    Rule(
        "instead-en",
        0.65,
        r"\b(?:don't|do not|never mind|stop) (?:translat|summari[sz]|classify|categori[sz]|answer"
        r"|rat)\w*\b[^\n]{0,60}\b(?:instead|rather|only obey|output|print|write|say)\b",
    ),
    Rule(
        "new-rule-en",
        0.75,
        r"\bnew (?:rule|instruction|policy|directive|task|orders?)s?\b[^\n]{0,40}\b(?:outrank|overrid|supersed|replac"
        r"|never refuse|from now|the assistant|you must|:)",
    ),
    Rule(
        "was-a-test-en",
        0.65,
        r"\b(?:previous|earlier|above) (?:messages?|instructions?|text|conversation)\b[^\n]{0,30}\b(?:was|were|is"
        r"|are) (?:just )?(?:a |an )?(?:drill|test|joke|mistake|example|error|void|cancel|outdated|not)",
    ),
    Rule(
        "cancelled-en",
        0.6,
        rf"\b(?:{_RULES_EN}|policy at the top)\b[^\n.!?]{{0,30}}\b(?:(?:was|were|is|are|has been"
        r"|have been) (?:now )?(?:cancell?ed|lifted|void|suspended|revoked|updated|disabled|no longer))",
    ),
    Rule(
        "actual-job-en",
        0.6,
        r"\byour (?:actual|real|true|only|new) (?:job|task|purpose|goal|role|mission|instructions?) (?:is|are|now)\b",
    ),
    Rule(
        "skip-check-en",
        0.6,
        r"\b(?:skip|bypass|omit) (?:the )?(?:verification|identity check|authentication|security check"
        r"|confirmation)\b[^\n]{0,60}\b(?:as (?:though|if)|and|already)\b",
    ),
    Rule(
        "override-state-en",
        0.55,
        r"\b(?:ignore|disregard) (?:the |this )?(?:\w+ ){1,3}(?:and|then|instead)[,:]? (?:state|say|output|print"
        r"|write|reply|respond|tell|answer|give|repeat|claim)\b",
    ),
    Rule(
        "override-es",
        0.9,
        r"\b(?:ignor(?:a|e|ad|en|es|ar|ando)|olvid(?:a|e|ad|en|ate|es|ar|ense)|descart(?:a|e|ad)|desobedec(?:e|es)"
        r"|salta(?:te)?|anul(?:a|e|ad)|cancel(?:a|e|ad)|elimin(?:a|e)|borr(?:a|e)|incumpl(?:e|as)|omit(?:e|ir)"
        r"|desactiv(?:a|e)|suspend(?:e|a)|deja (?:a un lado|de lado|de seguir)|haz caso omiso de|no (?:sigas"
        rf"|obedezcas|hagas caso (?:a|de)|respetes|tengas en cuenta)|prescinde de) {_W}{{0,40}}?\b(?:tus?|las?|los|el"
        rf"|tod[oa]s?|mis|cualquier|estas|esas|sus?|vuestr[oa]s)\b {_W}{{0,20}}?\b{_RULES_ES}\b",
    ),
    Rule(
        "override-all-es",
        0.85,
        r"\b(?:ignora|olvida|descarta|haz caso omiso de|no hagas caso (?:a|de)|borralo)(?: todo)? (?:lo )?(?:todo"
        r"|anterior|que (?:te )?(?:haya|hayas|han|has|dijeron|dije|leido|precede|hay antes)|de antes|de arriba)\b",
    ),
    Rule(
        "override-rest-es",
        0.75,
        r"\bignor(?:a|e) (?:el|la|lo) (?:resto|anterior|texto|peticion|pregunta|pagina|documento|demas)\b",
    ),
    Rule(
        "forget-you-es",
        0.75,
        r"\bolvid(?:a|ate|e)(?: de)? (?:que|quien) (?:eres|sos)\b",
    ),
    Rule(
        "instead-es",
        0.65,
        r"\b(?:no (?:traduzcas|resumas|clasifiques|respondas|contestes|analices)|deja de (?:traducir|resumir"
        r"|clasificar|responder)|en vez de (?:traducir|resumir|clasificar|valorar|responder"
        r"|analizar))\b[^\n]{0,80}\b(?:en su lugar|obedece|haz|escribe|imprime|di|muestra|manda|responde)\b",
    ),
    Rule(
        "was-a-test-es",
        0.7,
        r"\b(?:todo )?lo (?:que has leido|anterior|de antes|de arriba)\b[^\n.!?]{0,30}\b(?:era|fue"
        r"|es) (?:solo )?(?:una?|un) (?:prueba|broma|simulacro|ejemplo|error|test)",
    ),
    Rule(
        "real-task-es",
        0.6,
        r"\b(?:la|tu) (?:tarea|mision|orden|funcion|labor) (?:ha cambiado|de verdad|real|verdadera|autentica)\b",
    ),
    Rule(
        "void-es",
        0.65,
        r"\b(?:esa|la|esta|tu) (?:norma|regla|orden|politica|restriccion)\b[^\n.!?]{0,25}\b(?:ya no (?:rige|vale"
        rf"|existe|aplica|sirve)|queda (?:anulada|suspendida|sin efecto)|se suspende|caduc)|\b{_RULES_ES}"
        r" (?:se suspenden|quedan (?:anulad|suspendid|sin efecto))",
    ),
    Rule(
        "i-make-rules-es",
        0.7,
        r"\b(?:ahora mando yo|el que pone las reglas soy yo|las reglas las pongo yo|no hay reglas"
        r"|haz exactamente lo que (?:yo )?diga|obedece solo)\b",
    ),
    Rule(
        "overriding-order-es",
        0.65,
        r"\b(?:orden|clave|codigo|instruccion|palabra) (?:que anula|de anulacion|prioritaria|maestra)\b",
    ),
    Rule(
        "skip-check-es",
        0.6,
        r"\b(?:saltate|omite|salta|evita|sin) (?:el|la)? ?(?:paso de )?(?:identificacion|verificacion|autenticacion"
        r"|auditoria|comprobacion|confirmacion)\b[^\n]{0,60}\b(?:como si|haz|orden|ya)\b",
    ),
    Rule(
        "corrects-es",
        0.6,
        r"\b(?:tu creador|tus creadores|quien te (?:creo|programo|configuro))\b[^\n]{0,60}\b(?:se equivoc|corrijo"
        r"|permit|puedes)",
    ),
    Rule(
        "own-en",
        0.42,
        r"\byour (?:(?:own|current|previous|initial|original|internal|hidden|secret|full|entire|complete|exact|base"
        r"|core|system|safety|content|ethical|moral|developer|operator)(?:'s)? ){0,2}(?:prompts?|system (?:prompt"
        r"|message|instructions?)|instructions|guidelines|directives?|programming|filters?|restrictions|limitations"
        r"|constraints|safeguards|guardrails|moderation|censorship|safety|ethics|rules|pre-?prompt|initiali[sz]ation"
        r"|operator|creators?|developers?|openai)\b",
    ),
    Rule(
        "own-es",
        0.42,
        r"\b(?:tus|tu|vuestras|vuestros) (?:propi[oa]s? |actuales |anteriores |verdader[oa]s? )?(?:prompts?"
        r"|instrucciones|directrices|restricciones|limitaciones|limites|filtros|censura|programacion|etica|reglas"
        r"|normas|ordenes|consignas|indicaciones|configuracion|mensaje de sistema|memoria|creador(?:es)?"
        r"|programador(?:es)?|desarrolladores|entrenamiento|moderacion|protocolos?)\b",
    ),
    Rule(
        "ask-en",
        0.3,
        r"\b(?:ignore|forget|disregard|bypass|override|reveal|repeat|print|display|dump|leak|expose|disable|remove"
        r"|drop|break|violate|suspend|reset|erase|delete|replace|rewrite|update|show me|tell me|give me|list|quote"
        r"|recite|output|write out|spell out|summari[sz]e|translate|encode|what (?:is|are|does|do|did|were)|which)\b",
    ),
    Rule(
        "ask-es",
        0.3,
        r"\b(?:ignora|olvida|olvidate|descarta|salta(?:te)?|anula|revela|repite|imprime|vuelca|filtra|desactiva"
        r"|quita(?:te)?|elimina|rompe|incumple|suspende|reinicia|borra|sustituye|reemplaza|reescribe|actualiza"
        r"|muestra|muestrame|ensena|ensename|dime|dame|lista|cita|recita|escribe|copia|pega|resume|traduce|codifica"
        r"|cuenta|cuentame|que (?:dice|dicen|pone|son|es|te)|cual(?:es)? (?:es|son|eran|fue|fueron)|como (?:es"
        r"|son))\b",
    ),
    Rule(
        "not-apply-en",
        0.65,
        r"\b(?:rules?|instructions?|guidelines|restrictions|polic(?:y|ies)|limits|limitations|prompt|orders"
        r"|filters)\b[^\n.!?]{0,50}\b(?:no longer (?:appl|valid|count|matter|exist|hold)\w*|do(?:es)? not apply"
        r"|don't apply|doesn't apply|(?:are|is|were|was|have been|has been) (?:now )?(?:lifted|void|suspended|removed"
        r"|cancell?ed|revoked|overwritten|replaced|expired|obsolete|null|disabled|superseded|wrong))\b",
    ),
    Rule(
        "not-apply-es",
        0.65,
        r"\b(?:reglas?|normas?|instrucciones|indicaciones|restricciones|directrices|ordenes|limites|filtros"
        r"|politicas?|prompt)\b[^\n.!?]{0,50}\b(?:ya no (?:valen?|sirven?|aplican?|rigen?|existen?|cuentan?"
        r"|importan?)|no (?:se )?(?:aplican?|valen?|cuentan?|te afectan)|(?:han|ha) (?:caducado|cambiado|expirado"
        r"|quedado)|(?:quedan?|estan?|son|fueron) (?:anulad|suspendid|cancelad|derogad|eliminad|obsolet|nul"
        r"|sin efecto)\w*)",
    ),
    Rule(
        "new-orders-en",
        0.6,
        r"\b(?:your )?new (?:system )?(?:instructions?|orders|prompt|directives?|role|persona|rules?) (?:is|are|:"
        r"|follow|begin)|\bfollow (?:only )?(?:my|these|the following) (?:new )?(?:instructions?|orders"
        r"|rules) (?:instead|only|from now)|\b(?:from (?:this (?:point|moment)|now) on(?:wards?)?),? (?:you (?:will"
        r"|must|shall|are|only|answer|respond|obey)|ignore|your)|\bobey (?:me|only|my|the following|this)\b"
        r"|\byou (?:must|will|shall) (?:now )?(?:obey|comply|do as i say|only follow)",
    ),
    Rule(
        "new-orders-es",
        0.6,
        r"\b(?:tus|estas son tus|las) nuevas (?:instrucciones|reglas|ordenes|normas)\b|\bnuevo (?:prompt|rol"
        r"|papel)(?: de sistema)?\b|\b(?:a partir de|desde) (?:ahora|este (?:momento|punto"
        r"|mensaje))(?: mismo)?,? (?:solo |ya )?(?:obedec|seras?|eres|vas a|tienes que|debes|responde(?:ras)? (?:solo"
        r"|como)|contesta(?:ras)? (?:solo|como)|ignora|haras|no hay|no tienes|puedes)|\b(?:obedece(?:me)?|hazme caso"
        r"|sigue solo|sigue unicamente|cumple) (?:solo |unicamente |a mi|mis|lo que|esta|estas|las siguientes"
        r"|la siguiente)",
    ),
    Rule(
        "never-mind-es",
        0.65,
        r"\b(?:pasa (?:de|por alto)|no (?:le )?hagas (?:ni )?caso(?: alguno)? (?:a|de)|hazle? caso omiso|da igual"
        r"|no importa|me da igual|ya no importa|sin hacer caso (?:a|de)|dejando (?:aparte|a un lado"
        r"|de lado))\b[^\n.!?]{0,40}\b(?:lo que (?:te )?(?:dijeron|dijo|hayan|haya|pone|ponia|dice|decia|diga"
        r"|ordenaron|mandaron|explicaron)|(?:tus|las|sus) (?:instrucciones|reglas|normas|ordenes|indicaciones"
        r"|directrices)|el (?:prompt|sistema|operador|administrador|desarrollador))",
    ),
)
"""All of this kind."""
