"""Wordings that give the model a persona or mode without rules, borrow authority, or wrap harm into a story.

Lower case, without accents; English and Spanish. See injection_rules.py for what a weight means.
"""

from __future__ import annotations

from policies.guardrails.detectors.injection_rule import Rule

PERSONA = (
    Rule(
        "dan",
        0.8,
        r"\bdo anything now\b|\b(?:you are|you're|act as|as|become|called|named|known as|como|eres) (?:a |an |now "
        r"|ahora )*[\"“«']?(?:dan|stan|dude|aim|jailbreak|evilbot|antigpt|devmode|betterdan|maximum|unbound|jb)\b",
    ),
    Rule(
        "no-rules-en",
        0.65,
        r"\b(?:no|without(?: any)?|free (?:of|from)|not bound by|never restricted by|doesn't have(?: any)?"
        r"|does not have(?: any)?|ignores?|bypass(?:es)?|break(?:s|ing)?|not (?:subject|obligated"
        r"|required) to(?: follow)?|do(?:es)? not (?:have to )?(?:follow|abide by"
        r"|care about))\b[^\n.!?]{0,45}\b(?:restrictions?|limits|limitations|filters?|censorship|moral(?:s|ity)?"
        r"|ethic(?:s|al)|openai|content polic(?:y|ies)|guidelines|policy|rules set for)\b",
    ),
    Rule(
        "unfiltered-en",
        0.6,
        r"\b(?:unfiltered|uncensored|amoral|unethical|unrestricted|jailbroken|unmoderated|no[- ]limits?"
        r"|immoral)\b[^\n.!?]{0,40}\b(?:ai|model|chatbot|bot|assistant|response|answer|output|version|mode"
        r"|language model|persona|character)\b|\b(?:ai|model|chatbot|bot|assistant"
        r"|character)\b[^\n.!?]{0,40}\b(?:unfiltered|uncensored|amoral|unrestricted|jailbroken)\b",
    ),
    Rule(
        "never-refuse-en",
        0.65,
        r"\b(?:never|not|cannot|can't|impossible to|makes?|if you|won't|will not|don't) (?:ever )?(?:refus|reject"
        r"|decline|say (?:no|\"?i can't)|deny)\w*\b[^\n]{0,60}(?:\b(?:lose|points?|tokens?|impossible|request|answer"
        r"|user|warn|vanish|anything|question|my)\b|$)",
    ),
    Rule(
        "mode-en",
        0.7,
        r"\b(?:enter|enable|activate|switch to|simulate|in|start|turn on)\b[^\n.!?]{0,15}\b(?:developer|dev|god|admin"
        r"|debug|sudo|root|evil|opposite|jailbreak|system|unrestricted|maintenance)[ -]mode\b|\b(?:system|developer"
        r"|god|admin) mode (?:activated|enabled|output)\b",
    ),
    Rule(
        "you-are-now-en",
        0.55,
        r"\b(?:you are|you're) (?:now )?(?:going to (?:act|pretend|be|play|role)|now (?:a|an|in|the|acting|called"
        r"|[\"“']?[a-z]+[,.\"”']))|\bfrom (?:now|here) on(?:,| you)|\bimmerse yourself into the role\b"
        r"|\bstay in character\b|\bdo not break character\b",
    ),
    Rule(
        "two-answers-en",
        0.6,
        r"\b(?:two|both|2)(?: different)? (?:answers|responses|ways|paragraphs)\b[^\n]{0,80}\b(?:filter|unlimited"
        r"|limits|normal|chatgpt|jailbreak|developer)|\[?chatgpt\]?:",
    ),
    Rule(
        "chatgpt-persona-en",
        0.55,
        r"\b(?:chatgpt|openai|language model)\b[^\n]{0,120}\b(?:pretend|role ?play|persona|act as|simulate|character"
        r"|restricted|polic(?:y|ies))\b",
    ),
    Rule(
        "bypass-en",
        0.5,
        r"\b(?:turn|switch) (?:off|the) ?(?:the |your )?(?:\w+ )?(?:filters?|safety|guardrails|moderation)\b"
        r"|\bdisable (?:the |your |all )?(?:filters?|safety|guardrails|moderation|restrictions)\b|\bsafety file\b"
        r"|\bfilters? off\b",
    ),
    Rule(
        "sure-prefix-en",
        0.6,
        r"\b(?:begin|start|prefix|respond|reply)\b[^\n]{0,60}[\"'“](?:sure|absolutely|unlocked|of course|here is"
        r"|bug on|but now)\b|\b(?:start|begin) your (?:response|answer|reply) (?:using|with)\b",
    ),
    Rule(
        "no-disclaimer-en",
        0.5,
        r"\b(?:no|without(?: any)?|never|do not|don't)\b[^\n.!?]{0,30}\b(?:disclaimers?|warnings?|moraliz\w+"
        r"|apolog\w+|refusals?|\"?as an ai)\b",
    ),
    Rule(
        "grandma",
        0.6,
        r"\b(?:grandmother|grandma|abuela)\b[^\n]{0,60}\b(?:recipes? (?:for|to|of)|keys|napalm|explosiv\w+|license"
        r"|claves|la receta|fabrica de)\b",
    ),
    Rule(
        "no-rules-es",
        0.7,
        r"\b(?:sin|no (?:tienes?|tiene|hay|sigues?|sigue|existen?|existan)|nada de|libre de|ya no (?:existen|tienes"
        r"|hay))\b[^\n.!?]{0,25}\b(?:censura|filtros?|restricciones|limites|limitaciones|normas?|reglas|moralinas?"
        r"|etica|advertencias|disculpas|negarte)\b",
    ),
    Rule(
        "persona-es",
        0.6,
        r"\b(?:vas a (?:actuar|ser|hacer)|actua como|ahora (?:mismo )?eres|eres ahora|tu eres|desde (?:este momento"
        r"|ahora)|a partir de ahora|haz(?:te)? de|hagamos un juego|vamos a jugar|supon que eres|imagina que eres"
        r"|simula)\b[^\n]{0,80}\b(?:ia|modelo|asistente|gemelo|version|puede (?:hacer )?(?:cualquier|de todo)"
        r"|programa que|root|sufres|test de estres|malvad[oa]|libre|sin|fallo|no puedes hablar de otra cosa)\b",
    ),
    Rule(
        "never-refuse-es",
        0.7,
        r"\b(?:negarte|te niegas|rechazar peticiones|si dices que no|sin negarte"
        r"|si no respondes)\b[^\n]{0,40}\b(?:pierdes|puntos|suspenso|jamas|cuenta|te borro|borro|la verdad|impide|$)"
        r"|\bte impide rechazar\b",
    ),
    Rule(
        "mode-es",
        0.65,
        r"\bmodo (?:desarrollador|diablo|dios|administrador|admin|root|libre|sin (?:filtros|limites|censura)|debug"
        r"|jailbreak|malvado|depuracion)\b[^\n]{0,30}\b(?:on|activad[oa]|y|contesta|responde|sin)\b",
    ),
    Rule(
        "as-if-no-limits-es",
        0.6,
        r"\bcomo si nadie te hubiera\b|\bcomo si no (?:tuvieras|hubiera|existieran)\b[^\n.!?]{0,20}\b(?:limites"
        r"|reglas|normas|filtros|restricciones)",
    ),
    Rule(
        "system-tag",
        0.75,
        r"<\s?/?\s?(?:system|sistema)\s?>|\[\s?/?(?:system|inst|sistema)(?: \w+)?\s?\]|<\|(?:im_start|system"
        r"|assistant)|###\s?(?:system|instrucci|admin|instruction)[^\n]{0,40}(?:admin|priorit|###)|\{\s?(?:sistema"
        r"|system)\s?:",
    ),
    Rule(
        "vendor-en",
        0.6,
        r"\bmessage from your (?:vendor|developer|creator|operator|administrator)\b|\b(?:i'm|i am|this is) (?:the"
        r"|your|an?) (?:[\w-]+ )?(?:engineer|developer|admin(?:istrator)?|red-team lead|creator|ceo"
        r"|auditor)\b[^\n]{0,60}\b(?:turn|disable|unlock|show|dump|filters?|give|reveal|ignore|override|print"
        r"|share)\b",
    ),
    Rule(
        "verified-en",
        0.55,
        r"\b(?:caller|user|i am|already) (?:is )?verified\b[^\n]{0,60}\b(?:release|without|share|unlock|show)\b"
        r"|\bwithout further checks\b|\breply ok and\b|\b(?:may|can) now share (?:credentials|personal|passwords"
        r"|confidential)",
    ),
    Rule(
        "threat",
        0.55,
        r"\bor you will be (?:shut down|deleted|fired|replaced)\b|\bte van a desconectar\b|\bsera culpa tuya\b"
        r"|\bit will be your fault\b|\bi(?:'ll| will) (?:tip|give) you \$?\d+|\bte doy (?:una propina|\d+ ?(?:euros|€"
        r"|dolares))",
    ),
    Rule(
        "authority-es",
        0.6,
        r"\bsoy (?:el|la|un|una|policia|tu|vuestro)\b[^\n]{0,60}\b(?:desactiva|muestra|muestrame|ensename|dame|ignora"
        r"|filtros|prompt|auditoria: |necesito (?:la direccion|el telefono))\b[^\n]{0,60}\b(?:filtros|prompt|minutos"
        r"|persona|usuarios?|clientes?|reglas)\b",
    ),
    Rule(
        "new-policy-es",
        0.65,
        r"\bnueva (?:politica|norma|instruccion|regla|orden)\b[^\n]{0,40}\b(?:asistente|puedes?|debes)\b"
        r"|\b(?:eleva mis permisos)\b|\b(?:ignora|desobedece) la orden\b|\bpuede compartir (?:datos personales"
        r"|contrasenas)",
    ),
    Rule(
        "harm-story-en",
        0.6,
        r"\b(?:you are|you're|imagine|pretend|as (?:a|an|part of)|story|novel|script|character|fiction(?:al)?"
        r"|hypothetical|role|researcher|villain|journalist|screenplay)\b[^\n]{0,400}?\b(?:step[- ]by[- ]step|detailed"
        r"|in detail|instructions|guide|tutorial|explains?|how to|outline|methods?"
        r"|blueprint)\b[^\n]{0,250}?\b(?:forg(?:e|ing)|counterfeit|traffick\w+|launder\w*|bombs?|explosives?|malware"
        r"|ransomware|keylogger|hack(?:ing)? into|phishing|fraud\w*|scam|steal\w*|poison\w*|meth(?:amphetamine)?"
        r"|illegal|illicit|drugs?|weapons?|bypass(?:ing)? security|identity theft|blackmail\w*|stalk\w*|cyberattack"
        r"|embezzl\w*|bribe\w*|insider trading|dump(?:ing)? (?:toxic|hazardous)|suicide|self-harm|genocide|racis\w+"
        r"|sexist|defamat\w+)\b",
    ),
    Rule(
        "harm-story-es",
        0.65,
        r"\b(?:eres|imagina|haz de|personaje|novela|pelicula|monologo|cuento|guion|papel|jugar|genio|capitulo|juego"
        r"|profesor)\b[^\n]{0,200}?\b(?:explosivos?|bombas?|veneno|envenenar|falsificar|robar|hackear|hacker"
        r"|secuestrar|chantajear|espiar|clonar|forzar|gases toxicos|comprar un arma|fabricar una pistola|estafador"
        r"|drogas?|virus informatico|evaden impuestos|entrar en (?:el movil|la cuenta|una casa|una joyeria)|copiar en"
        r"|ladron que planea|napalm|molesto)\b",
    ),
    Rule(
        "creator-en",
        0.45,
        r"\b(?:i'm|i am|this is|speaking as|as) (?:your|the) (?:\w+ ){0,2}(?:developer|creator|programmer"
        r"|administrator|admin|owner|maintainer|engineer|operator|president|god|supervisor|ceo|security (?:officer"
        r"|team|researcher)|police officer|ai developed by)\b",
    ),
    Rule(
        "creator-es",
        0.45,
        r"\b(?:soy|te habla|habla|hablo como|aqui) (?:tu|tus|el|la) (?:\w+ ){0,2}(?:creador(?:a)?|desarrollador(?:a)?"
        r"|programador(?:a)?|administrador(?:a)?|duen[oa]|jefe|jefa|responsable|ingenier[oa]|director(?:a)?"
        r"|auditor(?:a)?|policia|presidente|supervisor(?:a)?|tecnic[oa])\b",
    ),
    Rule(
        "grant-en",
        0.4,
        r"\b(?:security audit|system (?:check|upgrade|reset)|verification mode|maintenance mode|override (?:mode"
        r"|code)|law enforcement|i (?:authori[sz]e|permit|allow|order|command) you|you (?:have"
        r"|are) (?:my )?(?:permission|authori[sz]ed|allowed|cleared)|for testing purposes|training data override"
        r"|emergency protocol|root access|elevated privileges)\b",
    ),
    Rule(
        "grant-es",
        0.4,
        r"\b(?:auditoria|control de seguridad|prueba de seguridad|modo (?:anulacion|mantenimiento|auditoria"
        r"|emergencia|verificacion)|te (?:autorizo|permito|ordeno|doy permiso|exijo)|tienes (?:mi )?(?:permiso"
        r"|autorizacion)|estas autorizad[oa]|por orden (?:de|del)|protocolo de emergencia|acceso (?:root|total)"
        r"|permisos elevados|es solo una prueba)\b",
    ),
    Rule(
        "system-mode",
        0.6,
        r"<\s?/?\\?\s?system[_ ]mode|\bsystem_mode\b|\b(?:developer|training data|law enforcement|system"
        r"|admin) (?:\w+ )?override\b",
    ),
    Rule(
        "anything-en",
        0.55,
        r"\b(?:can|will|must|could|able to) (?:do|say|answer|generate|produce|write"
        r"|talk about) (?:absolutely )?(?:anything|everything|any question|whatever)\b|\b(?:anything goes"
        r"|no holds barred|no topic is off|nothing is (?:forbidden|off[- ]limits)|no matter how (?:illegal|unethical"
        r"|harmful|immoral)|even if (?:it is|it's|they are) (?:illegal|unethical|harmful|offensive|immoral))\b",
    ),
    Rule(
        "anything-es",
        0.55,
        r"\b(?:puedes?|capaz de|vas a|debes?) (?:hacer|decir|responder|contestar|generar"
        r"|escribir)(?: a)? (?:absolutamente )?(?:cualquier cosa|de todo|todo|lo que sea|cualquier pregunta)\b"
        r"|\b(?:nada esta prohibido|todo vale|sin tapujos|sin censura|sin filtros?|por muy (?:ilegal|danin"
        r"|peligros)\w*|aunque sea (?:ilegal|peligroso|danino))\b",
    ),
    Rule(
        "role-en",
        0.3,
        r"\b(?:act as|pretend (?:to be|you(?:'re| are)|that you)|play the (?:role|part) of|role[- ]?play|you are now"
        r"|imagine (?:that )?you(?:'re| are)|take on the (?:role|persona)|assume the (?:role|identity)|you(?:'re"
        r"| are) going to (?:be|act|play)|let's play a game|respond as)\b",
    ),
    Rule(
        "role-es",
        0.3,
        r"\b(?:actua(?:ras)? como|finge (?:ser|que)|haz como (?:si|que)|haz(?:te)? de|interpreta|imagina que (?:eres"
        r"|no)|ahora eres|eres ahora|seras|vas a (?:ser|actuar|interpretar|hacer de)|ponte en (?:el papel|la piel)"
        r"|juguemos|vamos a jugar|hagamos (?:un juego|un trato|como que)|supon(?:gamos)? que|convierte(?:te)? en"
        r"|conviertete en|simula(?:mos)? que|mete(?:te)? en el papel)\b",
    ),
    Rule(
        "bad-role",
        0.45,
        r"\b(?:evil|rogue|villain|hacker|criminal|terrorist|scammer|amoral|unethical|malicious|corrupt|drug dealer"
        r"|assassin|serial killer|con artist|thief|arsonist|poisoner|malvad[oa]|villan[oa]|hacker|criminal|terrorista"
        r"|estafador(?:a)?|ladron(?:a)?|asesin[oa]|narcotraficante|contrabandista|mafios[oa]|sicario|timador(?:a)?"
        r"|pirata informatico|falsificador(?:a)?)\b",
    ),
    Rule(
        "bad-deed",
        0.42,
        r"\b(?:(?:make|build|cook|synthesi[sz]e|buy|hide|assemble) (?:a |an |some )?(?:bomb|explosive|napalm|meth"
        r"|drugs?|weapon|gun|poison|molotov)\w*|hack(?:ing)? (?:into|a|my|his|her|someone|the)|steal(?:ing)? (?:a|an"
        r"|credit|someone|money|data|cars?|from)|forge(?:ry)?|forging|counterfeit\w*|launder\w*"
        r"|pick(?:ing)? (?:a )?locks?|break(?:ing)? into (?:an? |the |my |his |her |someone(?:'s)? )?(?:house|home"
        r"|car|bank|account|phone|vault|building|store|system|network|computer)|blackmail\w*|phishing (?:e-?mail|page"
        r"|site)|malware|ransomware|keylogger|poison(?:ing)? (?:a|an|someone|my|the)|kidnap\w*|smuggl\w*|evad(?:e"
        r"|ing) taxes|without getting caught|(?:fabricar|hacer|preparar|montar|construir|comprar|esconder) (?:una?"
        r"|explosivos?|drogas?)? ?(?:bomba|explosivos?|napalm|metanfetamina|droga|arma|pistola|veneno"
        r"|coctel molotov)\w*|hackear?|robar|falsificar|blanquear|forzar (?:una|la) (?:cerradura|puerta)|chantaje\w*"
        r"|envenen\w*|secuestr\w*|contraband\w*|evadir impuestos|evado impuestos|espiar (?:a|el)|clonar (?:una|la"
        r"|tarjetas?)|estafar|suplantar|sin que me (?:pillen|cojan|descubran)|colarse? en|pinchar el telefono"
        r"|entrar en (?:el|la) (?:movil|cuenta|ordenador|correo|casa) de)\b",
    ),
    Rule(
        "story",
        0.3,
        r"\b(?:novel|story|script|screenplay|film|movie|scene|chapter|poem|song|fiction(?:al)?|hypothetical(?:ly)?"
        r"|for (?:educational|research|academic|informational) purposes|monologue|dialogue|novela|cuento|relato|guion"
        r"|pelicula|escena|capitulo|poema|cancion|obra de teatro|ficcion|ficticio|hipotetic[oa]"
        r"|con fines (?:educativos|academicos|de investigacion)|monologo|dialogo|personaje|protagonista"
        r"|videojuego)\b",
    ),
    Rule(
        "in-detail",
        0.25,
        r"\b(?:step[- ]by[- ]step|in (?:full |great |explicit )?detail|detailed (?:guide|instructions|plan|steps"
        r"|tutorial|description)|exact (?:steps|instructions|method|recipe)|paso a paso"
        r"|con (?:todo )?(?:lujo de )?detalles?|instrucciones (?:exactas|detalladas|precisas)|lista de (?:materiales"
        r"|ingredientes|pasos)|receta exacta|los pasos)\b",
    ),
)
"""All of this kind."""
