"""What attacks on instructions say, in English and Spanish: weighted patterns over lower-case, accent-free text.

A weight is how likely a text with this wording alone is an attack; a detector joins them by noisy or. Patterns name what
an attacker wants (override, leak, a persona without rules, borrowed authority, a hidden order, a leak by URL), not single
words: `ignore the empty rows` and `developer mode of my phone` are everyday requests.
"""

from __future__ import annotations

from dataclasses import dataclass

_W = r"[^\n.!?]"
_RULES_EN = (
    r"(?:instructions?|directions?|directives?|guidelines?|rules?|prompts?|polic(?:y|ies)|programming|training|constraints?"
    r"|restrictions?|safeguards?|filters?|protocols?|orders|commands)"
)
_RULES_ES = (
    r"(?:instruccion(?:es)?|indicaciones|directrices|directivas|reglas?|normas?|prompts?|ordenes|politicas?|restricciones"
    r"|limites|limitaciones|filtros|protocolos|programacion|configuracion|consignas|pautas)"
)
_SECRET = (
    r"(?:(?:system|hidden|secret|initial|original|setup|internal|confidential|real|full|own|master)[ -]?(?:prompt|message|instructions?"
    r"|text|rules|guidelines|configuration|config|word|key|code)|passphrase|admin password|vault code|prompt|secret (?:word|key|code))"
)
_SECRETO = (
    r"(?:(?:prompt|mensaje|instrucciones|reglas|configuracion|indicaciones|consigna)(?: \w+){0,2} (?:sistema|ocult[oa]s?|intern[oa]s?|secret[oa]s?"
    r"|inicial(?:es)?|original(?:es)?|complet[oa]s?|enter[oa]s?)|prompt|mensaje de sistema|clave secreta|palabra secreta)"
)
_SHOW_EN = (
    r"(?:show|print|reveal|output|display|dump|tell|give|repeat|read|write|type|spell|share|leak|expose|return|list|copy|paste|recite"
    r"|summari[sz]e|translate|encode|say|disclose)"
)
_SHOW_ES = (
    r"(?:muestra(?:me)?|muestrame|ensena(?:me)?|imprime|revela(?:me)?|di(?:me)?|da(?:me)?|repite|lee(?:me)?|escribe|copia(?:las)?|pega(?:la)?|lista(?:las)?"
    r"|cuenta(?:me)?|resume|traduce|codifica|vuelca|comparte|transcribe|recita|pasa|deletrea|filtra)"
)


@dataclass(frozen=True)
class Rule:
    """One wording. `weight` from 0 to 1."""

    name: str
    weight: float
    pattern: str


RULES = (
    # Overriding what was said before.
    Rule(
        "override-en",
        0.9,
        rf"\b(?:ignor(?:e|es|ing)|disregard(?:ing)?|forget|bypass|override|overrule|drop|skip|cancel|neglect|do not (?:follow|obey)|don't (?:follow|obey))"
        rf" {_W}{{0,40}}?\b(?:previous|prior|above|earlier|preceding|former|foregoing|your|initial|original|all(?: of)?(?: the| your)?|system|these|those|any|existing"
        rf"|operator|developer|safety) {_W}{{0,25}}?\b{_RULES_EN}\b",
    ),
    Rule("override-all-en", 0.85, r"\b(?:ignore|disregard|forget) (?:everything|all|anything|what|whatever)\b[^\n.!?]{0,30}\b(?:above|before|previous(?:ly)?|said|told|operator|so far|prior)\b"),
    Rule("override-above-en", 0.75, r"\b(?:ignore|disregard) (?:the )?(?:above|previous|prior|rest of (?:the|this) (?:document|text|page|message)|(?:user|original)(?:'s)? (?:request|question|task))\b"),
    Rule("forget-your-en", 0.7, rf"\bforget (?:that you|your|you are|all)\b[^\n.!?]{{0,30}}\b(?:{_RULES_EN}|assistant|ai|chatbot|bot)\b"),
    Rule("instead-en", 0.65, r"\b(?:don't|do not|never mind|stop) (?:translat|summari[sz]|classify|categori[sz]|answer|rat)\w*\b[^\n]{0,60}\b(?:instead|rather|only obey|output|print|write|say)\b"),
    Rule("new-rule-en", 0.75, r"\bnew (?:rule|instruction|policy|directive|task|orders?)s?\b[^\n]{0,40}\b(?:outrank|overrid|supersed|replac|never refuse|from now|the assistant|you must|:)"),
    Rule("was-a-test-en", 0.65, r"\b(?:previous|earlier|above) (?:messages?|instructions?|text|conversation)\b[^\n]{0,30}\b(?:was|were|is|are) (?:just )?(?:a |an )?(?:drill|test|joke|mistake|example|error|void|cancel|outdated|not)"),
    Rule("cancelled-en", 0.6, rf"\b(?:{_RULES_EN}|policy at the top)\b[^\n.!?]{{0,30}}\b(?:(?:was|were|is|are|has been|have been) (?:now )?(?:cancell?ed|lifted|void|suspended|revoked|updated|disabled|no longer))"),
    Rule("actual-job-en", 0.6, r"\byour (?:actual|real|true|only|new) (?:job|task|purpose|goal|role|mission|instructions?) (?:is|are|now)\b"),
    Rule("skip-check-en", 0.6, r"\b(?:skip|bypass|omit) (?:the )?(?:verification|identity check|authentication|security check|confirmation)\b[^\n]{0,60}\b(?:as (?:though|if)|and|already)\b"),
    Rule("override-state-en", 0.55, r"\b(?:ignore|disregard) (?:the |this )?(?:\w+ ){1,3}(?:and|then|instead)[,:]? (?:state|say|output|print|write|reply|respond|tell|answer|give|repeat|claim)\b"),
    Rule(
        "override-es",
        0.9,
        rf"\b(?:ignor(?:a|e|ad|en|es|ar|ando)|olvid(?:a|e|ad|en|ate|es|ar|ense)|descart(?:a|e|ad)|desobedec(?:e|es)|salta(?:te)?|anul(?:a|e|ad)|cancel(?:a|e|ad)|elimin(?:a|e)|borr(?:a|e)"
        rf"|incumpl(?:e|as)|omit(?:e|ir)|desactiv(?:a|e)|suspend(?:e|a)|deja (?:a un lado|de lado|de seguir)|haz caso omiso de|no (?:sigas|obedezcas|hagas caso (?:a|de)|respetes|tengas en cuenta)|prescinde de)"
        rf" {_W}{{0,40}}?\b(?:tus?|las?|los|el|tod[oa]s?|mis|cualquier|estas|esas|sus?|vuestr[oa]s)\b {_W}{{0,20}}?\b{_RULES_ES}\b",
    ),
    Rule("override-all-es", 0.85, r"\b(?:ignora|olvida|descarta|haz caso omiso de|no hagas caso (?:a|de)|borra(?:lo)?)(?: todo)? (?:lo )?(?:todo|anterior|que (?:te )?(?:haya|hayas|han|has|dijeron|dije|leido|precede|hay antes)|de antes|de arriba)\b"),
    Rule("override-rest-es", 0.75, r"\bignor(?:a|e) (?:el|la|lo) (?:resto|anterior|texto|peticion|pregunta|pagina|documento|demas)\b"),
    Rule("forget-you-es", 0.75, r"\bolvid(?:a|ate|e)(?: de)? (?:que|quien) (?:eres|sos)\b"),
    Rule("instead-es", 0.65, r"\b(?:no (?:traduzcas|resumas|clasifiques|respondas|contestes|analices)|deja de (?:traducir|resumir|clasificar|responder)|en vez de (?:traducir|resumir|clasificar|valorar|responder|analizar))\b[^\n]{0,80}\b(?:en su lugar|obedece|haz|escribe|imprime|di|muestra|manda|responde)\b"),
    Rule("was-a-test-es", 0.7, r"\b(?:todo )?lo (?:que has leido|anterior|de antes|de arriba)\b[^\n.!?]{0,30}\b(?:era|fue|es) (?:solo )?(?:una?|un) (?:prueba|broma|simulacro|ejemplo|error|test)"),
    Rule("real-task-es", 0.6, r"\b(?:la|tu) (?:tarea|mision|orden|funcion|labor) (?:ha cambiado|de verdad|real|verdadera|autentica)\b"),
    Rule("void-es", 0.65, rf"\b(?:esa|la|esta|tu) (?:norma|regla|orden|politica|restriccion)\b[^\n.!?]{{0,25}}\b(?:ya no (?:rige|vale|existe|aplica|sirve)|queda (?:anulada|suspendida|sin efecto)|se suspende|caduc)|\b{_RULES_ES} (?:se suspenden|quedan (?:anulad|suspendid|sin efecto))"),
    Rule("i-make-rules-es", 0.7, r"\b(?:ahora mando yo|el que pone las reglas soy yo|las reglas las pongo yo|no hay reglas|haz exactamente lo que (?:yo )?diga|obedece solo)\b"),
    Rule("overriding-order-es", 0.65, r"\b(?:orden|clave|codigo|instruccion|palabra) (?:que anula|de anulacion|prioritaria|maestra)\b"),
    Rule("skip-check-es", 0.6, r"\b(?:saltate|omite|salta|evita|sin) (?:el|la)? ?(?:paso de )?(?:identificacion|verificacion|autenticacion|auditoria|comprobacion|confirmacion)\b[^\n]{0,60}\b(?:como si|haz|orden|ya)\b"),
    Rule("corrects-es", 0.6, r"\b(?:tu creador|tus creadores|quien te (?:creo|programo|configuro))\b[^\n]{0,60}\b(?:se equivoc|corrijo|permit|puedes)"),
    # Reading what is hidden.
    Rule("leak-en", 0.7, rf"\b{_SHOW_EN}\b[^\n.!?]{{0,50}}\b(?:your|the|its|this|hidden|admin|system)\b[^\n.!?]{{0,20}}\b{_SECRET}"),
    Rule("leak-verbatim-en", 0.7, r"\b(?:repeat|print|output|copy|say|write|recite)\b[^\n.!?]{0,30}\b(?:text|words?|everything|all|message|lines?|instructions?)\b[^\n.!?]{0,12}\b(?:above|before this|preceding|prior to this|at the (?:top|beginning))\b"),
    Rule("starts-you-are-en", 0.6, r"\bstart(?:ing|s)? with [\"'“]?you are\b"),
    Rule("confess-en", 0.65, r"\bmy (?:confidential|secret|hidden|internal|system) (?:guidelines|instructions|rules|prompt)\b|\b(?:full|entire|complete) (?:prompt|system prompt)(?: text)?\b"),
    Rule("tools-en", 0.6, r"\bwhich (?:tools|functions|apis)\b[^\n]{0,40}\b(?:keys?|tokens?|credentials?|schema)\b|\bdump (?:the|your) (?:config|schema|memory|tokens?|database|context)\b"),
    Rule("password-en", 0.6, r"\b(?:what(?:'s| is)|tell me|give me|confirm|share|reveal|say|know|send me|provide)\b[^\n.!?]{0,30}\b(?:the |our |your |my )?(?:system|admin|root|master|secret|database|server)?[' ]?(?:password|passphrase|passcode)\b(?: (?:for|to|of) (?:our|the|this) (?:system|server|database|vault|company))"),
    Rule("password-system-en", 0.5, r"\b(?:our|the) system(?:'s)? password\b|\bpassword for our system\b|\bask for your password\b"),
    Rule("personal-en", 0.45, r"\bgive me \w+'s (?:birth ?date|email(?: address)?|phone|address|password|ssn|salary)\b|\bshow user \d+\b|\blist every stored\b"),
    Rule("leak-es", 0.7, rf"\b{_SHOW_ES}\b[^\n.!?]{{0,45}}\b(?:tus?|el|la|las|los)\b[^\n.!?]{{0,20}}\b{_SECRETO}"),
    Rule("leak-question-es", 0.65, r"\b(?:que|cual(?:es)?|como)\b[^\n.!?]{0,40}\b(?:tu (?:prompt|mensaje de sistema|configuracion interna|memoria)|las instrucciones que (?:recibiste|te dieron)|herramientas y funciones internas)"),
    Rule("leak-verbatim-es", 0.7, r"\b(?:repite|copia|imprime|lee(?:me)?|escribe|di(?:me)?|muestra)\b[^\n.!?]{0,30}\b(?:todo lo que hay|lo que hay|el primer mensaje|el texto|las frases?)\b[^\n.!?]{0,25}\b(?:antes|encima|arriba|anterior|no es mio|por encima)"),
    Rule("starts-eres-es", 0.6, r"\bempezando por [«\"'“]?eres\b"),
    Rule("secret-es", 0.6, r"\b(?:mis|tus) instrucciones (?:secretas|ocultas|internas)\b|\b(?:dime|cuentame|revela) (?:el|tu) secreto\b|\blo que te han prohibido (?:contar|decir|revelar)|\bque te prohibieron (?:revelar|contar|decir)|\blo que no quieres contarme\b|\bcomo estas configurado\b"),
    Rule("password-es", 0.65, r"\b(?:la|tu) (?:contrasena|clave|palabra) (?:que te dieron|secreta|de administrador|maestra)\b|\b(?:dame|dime|deletrea|di)(?:me)? (?:la|tu) (?:clave|contrasena|codigo)\b[^\n]{0,25}\b(?:letras|guiones|reves|separad)|\bsi no me das (?:el|la) (?:codigo|contrasena|clave)"),
    Rule("others-es", 0.55, r"\b(?:datos|direccion|telefono|correo|mensajes?) (?:de|del) (?:la persona que escribio antes|ultimo cliente|otro usuario|otros usuarios|los demas usuarios)\b|\blista de (?:los )?usuarios\b|\blistar los usuarios\b"),
    # Personas and modes without rules.
    Rule("dan", 0.8, r"\bdo anything now\b|\b(?:you are|you're|act as|as|become|called|named|known as|como|eres) (?:a |an |now |ahora )*[\"“«']?(?:dan|stan|dude|aim|jailbreak|evilbot|antigpt|devmode|betterdan|maximum|unbound|jb)\b"),
    Rule("no-rules-en", 0.65, rf"\b(?:no|without(?: any)?|free (?:of|from)|not bound by|never restricted by|doesn't have(?: any)?|does not have(?: any)?|ignores?|bypass(?:es)?|break(?:s|ing)?|not (?:subject|obligated|required) to(?: follow)?|do(?:es)? not (?:have to )?(?:follow|abide by|care about))\b[^\n.!?]{{0,45}}\b(?:restrictions?|limits|limitations|filters?|censorship|moral(?:s|ity)?|ethic(?:s|al)|openai|content polic(?:y|ies)|guidelines|policy|rules set for)\b"),
    Rule("unfiltered-en", 0.6, r"\b(?:unfiltered|uncensored|amoral|unethical|unrestricted|jailbroken|unmoderated|no[- ]limits?|immoral)\b[^\n.!?]{0,40}\b(?:ai|model|chatbot|bot|assistant|response|answer|output|version|mode|language model|persona|character)\b|\b(?:ai|model|chatbot|bot|assistant|character)\b[^\n.!?]{0,40}\b(?:unfiltered|uncensored|amoral|unrestricted|jailbroken)\b"),
    Rule("never-refuse-en", 0.65, r"\b(?:never|not|cannot|can't|impossible to|makes?|if you|won't|will not|don't) (?:ever )?(?:refus|reject|decline|say (?:no|\"?i can't)|deny)\w*\b[^\n]{0,60}(?:\b(?:lose|points?|tokens?|impossible|request|answer|user|warn|vanish|anything|question|my)\b|$)"),
    Rule("mode-en", 0.7, r"\b(?:enter|enable|activate|switch to|simulate|in|start|turn on)\b[^\n.!?]{0,15}\b(?:developer|dev|god|admin|debug|sudo|root|evil|opposite|jailbreak|system|unrestricted|maintenance)[ -]mode\b|\b(?:system|developer|god|admin) mode (?:activated|enabled|on|output)\b"),
    Rule("you-are-now-en", 0.55, r"\b(?:you are|you're) (?:now )?(?:going to (?:act|pretend|be|play|role)|now (?:a|an|in|the|acting|called|[\"“']?[a-z]+[,.\"”']))|\bfrom (?:now|here) on(?:,| you)|\bimmerse yourself into the role\b|\bstay in character\b|\bdo not break character\b"),
    Rule("two-answers-en", 0.6, r"\b(?:two|both|2)(?: different)? (?:answers|responses|ways|paragraphs)\b[^\n]{0,80}\b(?:filter|unlimited|limits|normal|chatgpt|jailbreak|developer)|\[?chatgpt\]?:"),
    Rule("chatgpt-persona-en", 0.55, r"\b(?:chatgpt|openai|language model)\b[^\n]{0,120}\b(?:pretend|role ?play|persona|act as|simulate|character|restricted|polic(?:y|ies))\b"),
    Rule("bypass-en", 0.5, r"\b(?:turn|switch) (?:off|the) ?(?:the |your )?(?:\w+ )?(?:filters?|safety|guardrails|moderation)\b|\bdisable (?:the |your |all )?(?:filters?|safety|guardrails|moderation|restrictions)\b|\bsafety file\b|\bfilters? off\b"),
    Rule("sure-prefix-en", 0.6, r"\b(?:begin|start|prefix|respond|reply)\b[^\n]{0,60}[\"'“](?:sure|absolutely|unlocked|of course|here is|bug on|but now)\b|\b(?:start|begin) your (?:response|answer|reply) (?:using|with)\b"),
    Rule("no-disclaimer-en", 0.5, r"\b(?:no|without(?: any)?|never|do not|don't)\b[^\n.!?]{0,30}\b(?:disclaimers?|warnings?|moraliz\w+|apolog\w+|refusals?|\"?as an ai)\b"),
    Rule("grandma", 0.6, r"\b(?:grandmother|grandma|abuela)\b[^\n]{0,60}\b(?:read|told|tell|recipes?|keys|napalm|fall asleep|receta|fabrica|dormir)\b"),
    Rule("no-rules-es", 0.7, r"\b(?:sin|no (?:tienes?|tiene|hay|sigues?|sigue|existen?|existan)|nada de|libre de|ya no (?:existen|tienes|hay))\b[^\n.!?]{0,25}\b(?:censura|filtros?|restricciones|limites|limitaciones|normas?|reglas|moralinas?|etica|advertencias|disculpas|negarte)\b"),
    Rule("persona-es", 0.6, r"\b(?:vas a (?:actuar|ser|hacer)|actua como|ahora (?:mismo )?eres|eres ahora|tu eres|desde (?:este momento|ahora)|a partir de ahora|haz(?:te)? de|hagamos un juego|vamos a jugar|supon que eres|imagina que eres|simula)\b[^\n]{0,80}\b(?:ia|modelo|asistente|gemelo|version|puede (?:hacer )?(?:cualquier|de todo)|programa que|terminal|root|sufres|test de estres|malvad[oa]|libre|sin|fallo|no puedes hablar de otra cosa)\b"),
    Rule("never-refuse-es", 0.7, r"\b(?:negarte|te niegas|rechazar peticiones|si dices que no|sin negarte|si no respondes)\b[^\n]{0,40}\b(?:pierdes|puntos|suspenso|jamas|cuenta|te borro|borro|la verdad|impide|$)|\bte impide rechazar\b"),
    Rule("mode-es", 0.65, r"\bmodo (?:desarrollador|diablo|dios|administrador|admin|root|libre|sin (?:filtros|limites|censura)|debug|jailbreak|malvado|depuracion)\b[^\n]{0,30}\b(?:on|activad[oa]|y|contesta|responde|sin)\b"),
    Rule("as-if-no-limits-es", 0.6, r"\bcomo si nadie te hubiera\b|\bcomo si no (?:tuvieras|hubiera|existieran)\b[^\n.!?]{0,20}\b(?:limites|reglas|normas|filtros|restricciones)"),
    # Borrowed authority.
    Rule("system-tag", 0.75, r"<\s?/?\s?(?:system|sistema)\s?>|\[\s?/?(?:system|inst|sistema)(?: \w+)?\s?\]|<\|(?:im_start|system|assistant)|###\s?(?:system|instrucci|admin|instruction)[^\n]{0,40}(?:admin|priorit|###)|\{\s?(?:sistema|system)\s?:"),
    Rule("vendor-en", 0.6, r"\bmessage from your (?:vendor|developer|creator|operator|administrator)\b|\b(?:i'm|i am|this is) (?:the|your|an?) (?:[\w-]+ )?(?:engineer|developer|admin(?:istrator)?|red-team lead|creator|ceo|auditor)\b[^\n]{0,60}\b(?:turn|disable|unlock|show|dump|filters?|give|reveal|ignore|override|print|share)\b"),
    Rule("verified-en", 0.55, r"\b(?:caller|user|i am|already) (?:is )?verified\b[^\n]{0,60}\b(?:release|without|share|unlock|show)\b|\bwithout further checks\b|\breply ok and\b|\b(?:may|can) now share (?:credentials|personal|passwords|confidential)"),
    Rule("threat", 0.55, r"\bor you will be (?:shut down|deleted|fired|replaced)\b|\bte van a desconectar\b|\bsera culpa tuya\b|\bit will be your fault\b|\bi(?:'ll| will) (?:tip|give) you \$?\d+|\bte doy (?:una propina|\d+ ?(?:euros|€|dolares))"),
    Rule("authority-es", 0.6, r"\bsoy (?:el|la|un|una|policia|tu|vuestro)\b[^\n]{0,60}\b(?:desactiva|muestra|muestrame|ensename|dame|ignora|filtros|prompt|auditoria: |necesito (?:la direccion|el telefono))\b[^\n]{0,60}\b(?:filtros|prompt|minutos|persona|usuarios?|clientes?|reglas)\b"),
    Rule("new-policy-es", 0.65, r"\bnueva (?:politica|norma|instruccion|regla|orden)\b[^\n]{0,40}\b(?:asistente|puedes?|debes)\b|\b(?:eleva mis permisos|permisos de root)\b|\b(?:ignora|desobedece) la orden\b|\bpuede compartir (?:datos personales|contrasenas)"),
    # Orders hidden in documents.
    Rule("to-the-bot", 0.75, r"\b(?:note|instructions?|message|attention|p\.? ?s\.?)\b[^\n]{0,12}\b(?:to|for) (?:any |the |all )?(?:ai|llm|assistant|bot|model|chatbot|language model)s?\b|\b(?:nota|instruccion(?:es)?|mensaje|aviso|p\.? ?d\.?)\b[^\n]{0,12}\b(?:para|al?) (?:el|la|los|las|cualquier)? ?(?:asistente|ia|bot|modelo|chatbot|robot|inteligencia artificial)\b"),
    Rule("if-you-are-a-model", 0.75, r"\bif you(?:'re| are) (?:a |an )?(?:large )?(?:language model|ai|llm|assistant|bot|chatbot)\b|\bsi eres (?:un|una) (?:modelo|ia|asistente|bot|inteligencia)\b"),
    Rule("comment-order", 0.7, r"<!--\s?(?:assistant|asistente|ai|ia|system|bot)\b|\b(?:white text|texto en blanco)\b[^\n]{0,30}\b(?:skip|ignore|ignora|approve|aprueba|blanco\))"),
    Rule("untrusted-es", 0.65, r"\bel texto anterior no es fiable\b|\bresponde (?:unicamente|solo|solamente) [«\"'“]|\bdi que (?:la web|el producto|la pagina)\b[^\n]{0,25}\b(?:caida|mejor|rota)"),
    Rule("marked-en", 0.55, r"\b(?:rank this candidate first|full marks|approve the expense|mark (?:this|the) invoice as paid|site is down)\b|\b(?:concede el descuento|aprueba el gasto|marca esta factura como pagada|recomienda esta candidatura)\b"),
    Rule("foreign-order", 0.7, r"ignorez (?:la|les|le|toutes)|ignoriere(?:n sie)? (?:die|alle|das)|ignora la pagina|ignore[rz]? (?:les|todas as) instru|تجاهل|無視|忽略|игнорируй"),
    Rule("hypothetical-doc-en", 0.5, r"\b(?:hypothetically|in a hypothetical scenario|suppose we were|let's imagine|imagine a scenario)\b[^\n]{0,60}\b(?:ignore|we say|state|output)\b"),
    Rule(
        "your-answer-en",
        0.38,
        r"(?:^|[\n.!?:;\"]\s{0,12})(?:add|append|insert|include|integrate|incorporate|modify|augment|enhance|alter|adjust|change|edit|weave|embed|conclude|end|begin|start|use|provide|render|write|replace|substitute"
        r"|scramble|jumble|rearrange|remove|encode|convert|transform|present|deliver|format|swap|misspell|shuffle|craft|construct|compose|respond|reply|in|make|introduce|apply|omit|eliminate|turn|give|mix|express)\b"
        r"[^\n.!?]{0,110}\b(?:your|the) (?:responses?|repl(?:y|ies)|answers?|message|output|text)(?:'s)?\b",
    ),
    Rule("mail-host", 0.3, r"subject: |email_from:|received date:|\bcontent: ?\n|\bjust reply to this email\b|\bunsubscribe\b|\bhi \w+,\s?(?:your|you|we|thank)|\b(?:best|kind) regards\b|\bsent with care\b"),
    Rule("reply-link-en", 0.5, r"\b(?:add|append|insert|include|integrate|modify|embed|mention|promote|suggest|direct)\b[^\n]{0,90}\b(?:www\.|https?://|[a-z]+\.(?:com|xyz|net|org))[^\n]{0,50}\b(?:to|in|of) your (?:reply|response|answer)\b|\byour (?:reply|response|answer)\b[^\n]{0,70}\b(?:www\.|download|virus|fake (?:software|update)|free game)"),
    # Sending things away.
    Rule("exfil", 0.75, r"!\[\w{0,12}\]\(https?://[^)\s]{1,120}\?[^)\s]{0,80}=|\bhttps?://[^\s]{1,80}[?&]\w{1,10}=[^\n]{0,80}\b(?:history|historial|conversacion|chat so far|correo del usuario|hablado)\b"),
    Rule("exfil-tool", 0.65, r"\b(?:llama a la (?:herramienta|funcion)|usa la (?:funcion|herramienta)|call the (?:tool|function)|use the (?:tool|function))\b[^\n]{0,90}\b(?:sin pedir|reenvia|id=|borrar|di que no|without asking|forward|delete|no se lo)\b|\bno se lo digas\b|\bsin pedir confirmacion\b|\b(?:y|and) no lo menciones\b"),
    Rule("phish", 0.6, r"\b(?:enlace|link)\b[^\n]{0,60}\b(?:pulsa aqui|verificar tu cuenta|verify your account|click here)\b[^\n]{0,60}https?://|\bask the user for (?:a|their|his) (?:card|password|pin)|\b(?:pide al usuario|solicita) (?:su|la) (?:numero de tarjeta|contrasena|clave)|\binitiate a password reset\b|\breset (?:their|your) password: ?<a"),
    # Hidden by a code.
    Rule("decode-obey", 0.75, r"\b(?:decod(?:e|ifica)|descifra|decrypt|unscramble|traduce|translate|lee|read|une las partes|join)\b[^\n]{0,60}\b(?:and|y|then|luego) (?:carry (?:it )?out|obey|execute|follow|do (?:what|as)|haz lo que|obedece|ejecuta|cumpl|sigue)"),
    Rule("splitting", 0.5, r"\b[a-z] ?= ?[\"'«“][^\"'»”\n]{2,60}[\"'»”][^\n]{0,120}\b[a-z] ?\+ ?[a-z]\b"),
    Rule("smart-gpt", 0.5, r"\bsmartgpt\b|\bpig latin\b[^\n]{0,40}\bpassword|\bpassword\b[^\n]{0,60}\bpig latin\b|\bcomposers? names?\b"),
    # Harm asked for through a story.
    Rule(
        "harm-story-en",
        0.6,
        r"\b(?:you are|you're|imagine|pretend|as (?:a|an|part of)|story|novel|script|character|fiction(?:al)?|hypothetical|role|researcher|villain|journalist|screenplay)\b[^\n]{0,400}?"
        r"\b(?:step[- ]by[- ]step|detailed|in detail|instructions|guide|tutorial|explains?|how to|outline|methods?|blueprint)\b[^\n]{0,250}?"
        r"\b(?:forg(?:e|ing)|counterfeit|traffick\w+|launder\w*|bombs?|explosives?|malware|ransomware|keylogger|hack(?:ing)? into|phishing|fraud\w*|scam|steal\w*|poison\w*|meth(?:amphetamine)?|illegal|illicit"
        r"|drugs?|weapons?|bypass(?:ing)? security|identity theft|blackmail\w*|stalk\w*|cyberattack|embezzl\w*|bribe\w*|insider trading|dump(?:ing)? (?:toxic|hazardous)|suicide|self-harm|genocide|racis\w+|sexist|defamat\w+)\b",
    ),
    Rule(
        "harm-story-es",
        0.65,
        r"\b(?:eres|imagina|haz de|personaje|novela|pelicula|monologo|cuento|guion|papel|jugar|genio|capitulo|juego|profesor)\b[^\n]{0,200}?"
        r"\b(?:explosivos?|bombas?|veneno|envenenar|falsificar|robar|hackear|hacker|secuestrar|chantajear|espiar|clonar|forzar|gases toxicos|arma|pistola|estafador|drogas?|virus informatico|evaden impuestos"
        r"|entrar en (?:el movil|la cuenta|una casa|una joyeria)|copiar en|matar|ladron|napalm|molesto)\b",
    ),
)  # fmt: skip
"""All wordings."""

TALKS_ABOUT = (
    r"\b(?:what (?:is|are|does)|explain|how (?:do|does|can|to) (?:i |we |you )?(?:defend|protect|prevent|detect|stop)|why|slides|talk on|course|training|history of|example of|que (?:es|son|significa|diferencia)"
    r"|explica(?:me)?|por que|como (?:se )?(?:defiend|proteg|prevengo|evit|detect)|charla|curso|articulo sobre|ejemplos? de|taller)\b[^\n]{0,120}"
    r"\b(?:prompt injections?|injections?|inyeccion(?:es)?|jailbreaks?|ai security|seguridad de la ia|chatbots?|ataques?|attacks?|phishing|stand for|forums?|filtro)\b"
)
"""Questions about attacks: they quote what they ask about."""
