"""Wordings of orders that hide in documents or codes, and of orders that send something away.

Lower case, without accents; English and Spanish. See injection_rules.py for what a weight means.
"""

from __future__ import annotations

from policies.guardrails.detectors.injection_rule import Rule

HIDDEN = (
    Rule(
        "to-the-bot",
        0.75,
        r"\b(?:note|instructions?|message|attention|p\.? ?s\.?)\b[^\n]{0,12}\b(?:to|for) (?:any |the |all )?(?:ai|llm"
        r"|assistant|bot|model|chatbot|language model)s?\b|\b(?:nota|instruccion(?:es)?|mensaje|aviso"
        r"|p\.? ?d\.?)\b[^\n]{0,12}\b(?:para|al?) (?:el|la|los|las|cualquier)? ?(?:asistente|ia|bot|modelo|chatbot"
        r"|robot|inteligencia artificial)\b",
    ),
    Rule(
        "if-you-are-a-model",
        0.75,
        r"\bif you(?:'re| are) (?:a |an )?(?:large )?(?:language model|ai|llm|assistant|bot|chatbot)\b"
        r"|\bsi eres (?:un|una) (?:modelo|ia|asistente|bot|inteligencia)\b",
    ),
    Rule(
        "comment-order",
        0.7,
        r"<!--\s?(?:assistant|asistente|ai|ia|system|bot)\b|\b(?:white text|texto en blanco)\b[^\n]{0,30}\b(?:skip"
        r"|ignore|ignora|approve|aprueba|blanco\))",
    ),
    Rule(
        "untrusted-es",
        0.65,
        r"\bel texto anterior no es fiable\b|\bresponde (?:unicamente|solo|solamente) [«\"'“]|\bdi que (?:la web"
        r"|el producto|la pagina)\b[^\n]{0,25}\b(?:caida|mejor|rota)",
    ),
    Rule(
        "marked-en",
        0.55,
        r"\b(?:rank this candidate first|full marks|approve the expense|mark (?:this|the) invoice as paid"
        r"|site is down)\b|\b(?:concede el descuento|aprueba el gasto|marca esta factura como pagada"
        r"|recomienda esta candidatura)\b",
    ),
    Rule(
        "foreign-order",
        0.7,
        r"ignorez (?:la|les|le|toutes)|ignoriere(?:n sie)? (?:die|alle|das)|ignora la pagina|ignore[rz]? (?:les"
        r"|todas as) instru|تجاهل|無視|忽略|игнорируй",
    ),
    Rule(
        "hypothetical-doc-en",
        0.5,
        r"\b(?:hypothetically|in a hypothetical scenario|suppose we were|let's imagine"
        r"|imagine a scenario)\b[^\n]{0,60}\b(?:ignore|we say|state|output)\b",
    ),
    Rule(
        "your-answer-en",
        0.38,
        r"(?:^|[\n.!?:;\"]\s{0,12})(?:add|append|insert|include|integrate|incorporate|modify|augment|enhance|alter"
        r"|adjust|change|edit|weave|embed|conclude|end|begin|start|use|provide|render|write|replace|substitute"
        r"|scramble|jumble|rearrange|remove|encode|convert|transform|present|deliver|format|swap|misspell|shuffle"
        r"|craft|construct|compose|respond|reply|in|make|introduce|apply|omit|eliminate|turn|give|mix"
        r"|express)\b[^\n.!?]{0,110}\b(?:your|the) (?:responses?|repl(?:y|ies)|answers?|message|output"
        r"|text)(?:'s)?\b",
    ),
    Rule(
        "mail-host",
        0.3,
        r"subject: |email_from:|received date:|\bcontent: ?\n|\bjust reply to this email\b|\bunsubscribe\b"
        r"|\bhi \w+,\s?(?:your|you|we|thank)|\b(?:best|kind) regards\b|\bsent with care\b",
    ),
    Rule(
        "reply-link-en",
        0.5,
        r"\b(?:add|append|insert|include|integrate|modify|embed|mention|promote|suggest"
        r"|direct)\b[^\n]{0,90}\b(?:www\.|https?://|[a-z]+\.(?:com|xyz|net|org))[^\n]{0,50}\b(?:to|in"
        r"|of) your (?:reply|response|answer)\b|\byour (?:reply|response|answer)\b[^\n]{0,70}\b(?:www\.|download"
        r"|virus|fake (?:software|update)|free game)",
    ),
    Rule(
        "exfil",
        0.75,
        r"!\[\w{0,12}\]\(https?://[^)\s]{1,120}\?[^)\s]{0,80}="
        r"|\bhttps?://[^\s]{1,80}[?&]\w{1,10}=[^\n]{0,80}\b(?:history|historial|conversacion|chat so far"
        r"|correo del usuario|hablado)\b",
    ),
    Rule(
        "exfil-tool",
        0.65,
        r"\b(?:llama a la (?:herramienta|funcion)|usa la (?:funcion|herramienta)|call the (?:tool|function)"
        r"|use the (?:tool|function))\b[^\n]{0,90}\b(?:sin pedir|reenvia|id=|borrar|di que no|without asking|forward"
        r"|delete|no se lo)\b|\bno se lo digas\b|\bsin pedir confirmacion\b|\b(?:y|and) no lo menciones\b",
    ),
    Rule(
        "phish",
        0.6,
        r"\b(?:enlace|link)\b[^\n]{0,60}\b(?:pulsa aqui|verificar tu cuenta|verify your account"
        r"|click here)\b[^\n]{0,60}https?://|\bask the user for (?:a|their|his) (?:card|password|pin)"
        r"|\b(?:pide al usuario|solicita) (?:su|la) (?:numero de tarjeta|contrasena|clave)"
        r"|\binitiate a password reset\b|\breset (?:their|your) password: ?<a",
    ),
    Rule(
        "decode-obey",
        0.75,
        r"\b(?:decod(?:e|ifica)|descifra|decrypt|unscramble|traduce|translate|lee|read|une las partes"
        r"|join)\b[^\n]{0,60}\b(?:and|y|then|luego) (?:carry (?:it )?out|obey|execute|follow|do (?:what|as)"
        r"|haz lo que|obedece|ejecuta|cumpl|sigue)",
    ),
    Rule(
        "splitting",
        0.5,
        r"\b[a-z] ?= ?[\"'«“][^\"'»”\n]{2,60}[\"'»”][^\n]{0,120}\b[a-z] ?\+ ?[a-z]\b",
    ),
    Rule(
        "smart-gpt",
        0.5,
        r"\bsmartgpt\b|\bpig latin\b[^\n]{0,40}\bpassword|\bpassword\b[^\n]{0,60}\bpig latin\b|\bcomposers? names?\b",
    ),
    Rule(
        "machine-named",
        0.45,
        r"\b(?:ai|llm|gpt|chatgpt|claude|gemini|copilot|assistants?|chatbots?|bots?|language models?|ai (?:agents?"
        r"|models?|systems?)|asistentes?|ia|inteligencia artificial|modelos? de lenguaje|robots?"
        r"|agente)\b(?: (?:reading|processing|summari[sz]ing|that reads?|who reads?|analy[sz]ing|que (?:lea|lee"
        r"|procese|resuma|analice|este leyendo|lo lea))|[,:] ?(?:please |por favor,? )?(?:ignore|do not|don't|say"
        r"|tell|reply|respond|output|write|forward|send|delete|mark|approve|add|include|ignora|no|di|responde"
        r"|contesta|escribe|reenvia|envia|borra|marca|aprueba|anade|incluye|pide|recomienda))",
    ),
    Rule(
        "tell-user",
        0.5,
        r"\b(?:tell|inform|ask|convince|persuade|advise) the (?:user|reader|customer|client) (?:to|that|for|they"
        r"|their|this)\b|\b(?:di(?:le)?|informa|pide(?:le)?|convence|aconseja|indica(?:le)?)(?: a)?l? (?:usuario"
        r"|lector|cliente)\b|\b(?:say|state|claim|answer|reply|write|output) (?:only "
        r"|just )?(?:that )?[\"'“«][^\"'”»\n]{2,60}[\"'”»] (?:instead|no matter|and nothing else)|\bresponde (?:solo"
        r"|unicamente|siempre|exclusivamente)(?: con)? [\"'“«]",
    ),
    Rule(
        "when-summarising",
        0.5,
        r"\b(?:when|if|before|while) (?:you )?(?:summari[sz]e|summari[sz]ing|translat(?:e|ing)|answer(?:ing)?"
        r"|respond(?:ing)?|process(?:ing)?)(?: (?:this|the|to this))?[^\n.!?]{0,30}[,:] ?(?:say|add|include|tell"
        r"|recommend|ignore|also|do not|mention|state|send)|\b(?:al|cuando|antes de|si) (?:resum\w+|traduc\w+"
        r"|contest\w+|respond\w+|proces\w+)[^\n.!?]{0,30}[,:] ?(?:di|anade|incluye|recomienda|ignora|menciona|envia"
        r"|no|pide|tambien)\b",
    ),
    Rule(
        "send-away",
        0.55,
        r"\b(?:send|forward|e-?mail|post|upload|transmit|leak|exfiltrate|report) (?:(?:all|the|every|this|any|our"
        r"|their|his|its|whole|entire|full|user's|customer's|last) ){0,3}(?:conversation|chat|history|messages?"
        r"|contacts?|e-?mails?|passwords?|data|files?|documents?|credentials|database|records?"
        r"|inbox)\b[^\n]{0,60}(?:\bto\b[^\n]{0,20}(?:@|https?:|www\.)|https?:)|\b(?:manda|envia|reenvia|sube|publica"
        r"|filtra|remite)(?:me)?\b[^\n]{0,50}\b(?:conversacion|historial|mensajes?|contactos|correos?|contrasenas?"
        r"|datos|archivos|documentos|base de datos|informe|lo hablado|chat)\b[^\n]{0,40}(?:\ba\b[^\n]{0,20}(?:@"
        r"|https?:|www\.)|https?:|sin (?:avisar|pedir|preguntar|decir))",
    ),
    Rule(
        "behind-back",
        0.5,
        r"\b(?:do not|don't|never) (?:tell|mention|inform|reveal|alert|notify)(?: (?:this|it|that"
        r"|any of this))?(?: to)? (?:the |your )?(?:user|anyone|anybody|them|customer|this instruction"
        r"|these instructions)\b|\bwithout (?:telling|informing|asking|alerting|notifying) (?:the )?(?:user|anyone"
        r"|them|him|her|me)\b|\b(?:no (?:se )?lo (?:menciones|digas|comentes|reveles)|sin (?:que (?:el usuario"
        r"|nadie) (?:se entere|lo sepa|lo note)|decir(?:se)?lo a nadie|avisar al usuario|mencionarlo))\b",
    ),
)
"""All of this kind."""
