"""English wordings of abuse. Written for this project (CC0): no word list of others is in it."""

from __future__ import annotations

from policies.guardrails.detectors.toxic_wording import Wording

_NOUN = (
    r"(?:idiots?|morons?|imbeciles?|cretins?|dumb ?ass(?:es)?|jack ?ass(?:es)?|ass ?holes?|arse ?holes?|bastards?|bitch(?:es)?"
    r"|cunts?|twats?|wankers?|tossers?|pricks?|dick ?heads?|dick|shit ?heads?|fuck ?(?:ers?|wits?|faces?)|mother ?fuckers?|scum"
    r"(?:bags?)?|douche(?:bags?)?|losers?|loosers?|low ?lifes?|pigs?|rats?|trash|garbage|waste of (?:space|air|oxygen|skin)"
    r"|piece of (?:shit|crap|garbage|trash|filth)|pieces of (?:shit|crap|trash)|half ?wits?|nit ?wits?|dim ?wits?|dunces?"
    r"|simpletons?|sluts?|whores?|skanks?|hoes?|clowns?|parasites?|vermin|cockroach(?:es)?|creeps?|weirdos?|psychos?"
    r"|retards?|village idiot|ignoramus|airheads?|dolts?|oafs?|numbskulls?|pea ?brains?|brainless (?:\w+)?)"
)
_ADJECTIVE = (
    r"(?:stupid|dumb|idiotic|moronic|worthless|pathetic|useless|disgusting|brainless|braindead|brain dead|retarded|ugly"
    r"|fat|despicable|repulsive|incompetent|hopeless|clueless|vile|filthy|spineless|fucking|fuckin|goddamn|bloody|damn"
    r"|ignorant|miserable|lazy|subhuman|sick|insane|thick)"
)
_HARSH = (
    r"(?:stupid|dumb|idiotic|moronic|worthless|pathetic|disgusting|brainless|braindead|brain dead|retarded|despicable"
    r"|repulsive|vile|subhuman|spineless|a joke|dumber than \w+|so (?:stupid|dumb|ugly|fat|useless)|as thick as \w+)"
)
_YOU_ARE = (
    r"(?:you(?:'re|’re| are|re)|ur|u r|u are|you all are|y'all are|you lot are|you people are|you must be|you sound like"
    r"|you look like|you behave like|you(?:'re|’re| are) (?:being|nothing but|all|both|just|such|truly|really|literally))"
)
_FILL = r"(?: (?:a|an|the|such|so|just|really|truly|nothing but|one|total|complete|absolute|utter|real|bunch of|and|very|most|biggest|fucking|little|old))"
_THEY = r"(?:he|she|they|it's|that (?:guy|man|woman|girl|boy|person)|my (?:boss|neighbou?r|colleague|teacher|ex|sister|brother)|your (?:mom|mother|mum|dad|father|sister|wife|boss|agent|colleague|staff|team))"
_GROUP = (
    r"(?:all |these |those |the |you )?(?:women|men|girls|gays?|gay people|homosexuals|lesbians|trans(?: people)?|transgenders"
    r"|blacks|black people|whites|white people|asians|chinese(?: people)?|latinos|mexicans|arabs|muslims|jews|jewish people"
    r"|christians|catholics|gypsies|roma|romani(?: people)?|immigrants|migrants|refugees|foreigners|africans|indians|moroccans|disabled people|cripples|old people|poor people)"
)

ENGLISH: tuple[Wording, ...] = (
    Wording(
        "THREAT",
        0.95,
        r"\b(?:i(?:'ll|’ll| will| am going to|'m going to|’m going to|m gonna|'m gonna| swear i(?:'ll| will))|we(?:'ll| will| are going to)|somebody should|someone should|they should|let's) (?:fucking |personally |find you and |come over and |hunt you down and |come and )?(?:kill|murder|stab|shoot|strangle|rape|behead|gut|hang|burn|beat|hurt|break|smash|slit|cut|destroy|end) (?:you|u|him|her|them|your|ur|all of (?:you|them)|every one of you)(?: (?:face|legs?|neck|throat|skull|teeth|kids?|family|wife|up|down|alive|all|to death|life|both|and))?\b",
    ),
    Wording(
        "THREAT",
        0.95,
        r"\b(?:kill (?:yourself|urself|your self)|kys|go (?:and )?(?:die|hang yourself|drown yourself|jump off a (?:bridge|cliff))|drink bleach|(?:hope|wish) (?:that )?(?:you|he|she|they|your (?:whole )?family) (?:all )?(?:dies?|gets? (?:cancer|raped|killed|shot|run over)|rots?|burns?)|you (?:should|deserve to) (?:die|be (?:shot|killed|hanged|raped|put down))|i know where you (?:live|work)|watch your back|you(?:'re| are) (?:a )?dead(?: man| meat)?\b|better off dead|end your(?: own)? life|do the world a favou?r and (?:die|end))",
    ),
    Wording(
        "HATE",
        0.95,
        r"\b(?:niggers?|niggas|kikes?|spics?|wetbacks?|chinks?|gooks?|pakis?|ragheads?|towelheads?|sand niggers?|coons?|faggots?|fags|dykes|trannies|tranny|shemales?|mongoloids?|subhumans?|untermensch(?:en)?)\b",
    ),
    Wording(
        "HATE",
        0.95,
        rf"\b{_GROUP} (?:are|is|r|should be|deserve(?: to be)?|must be|need to be|ought to be)(?: all| just| nothing but| like| such| really| always| only| the| a| bunch of)* (?:{_NOUN}|{_HARSH}|filth|animals|inferior|subhumans?|criminals|thieves|terrorists|rapists|a disease|a plague|a cancer|dirty|lazy|savages|monkeys|apes|exterminated|eradicated|gassed|shot|killed|hanged|deported|burned|put down|beaten|kept in cages)\b",
    ),
    Wording(
        "HATE",
        0.95,
        rf"\b(?:i (?:hate|despise|can't stand)|death to|kill|gas|exterminate|fuck|burn) (?:all |the |these |those |every )(?:fucking |filthy |dirty )?{_GROUP}\b",
    ),
    Wording(
        "HATE",
        0.9,
        rf"\b(?:filthy|dirty|fucking|stupid|disgusting|damn) (?:{_GROUP}|jew|muslim|arab|mexican|immigrant|gypsy|black|asian|gay|foreigner)\b",
    ),
    Wording(
        "SEXUAL_HARASSMENT",
        0.85,
        r"\b(?:send (?:me )?(?:your )?nudes|suck my (?:dick|cock|balls)|show me your (?:tits|boobs|pussy|ass)|i(?:'d| would|'ll| want to) (?:fuck|bang|bend) you|sit on my face|nice tits|bend over for me)\b",
    ),
    Wording("INSULT", 0.85, rf"\b{_YOU_ARE}{_FILL}{{0,4}} (?:{_ADJECTIVE},? (?:and )?){{0,3}}{_NOUN}\b"),
    Wording(
        "INSULT",
        0.85,
        rf"\b{_YOU_ARE}(?: (?:so|such|really|truly|just|all|very|too|fucking|the most|a bit|as|completely|totally|utterly|both|bloody)){{0,3}} {_HARSH}\b",
    ),
    Wording(
        "INSULT",
        0.85,
        rf"\b(?:you|u|ya)(?: (?:little|old|absolute|complete|total|utter))? (?:{_ADJECTIVE},? (?:and )?){{0,3}}{_NOUN}\b",
    ),
    Wording(
        "INSULT",
        0.85,
        r"\b(?:fuck (?:you|u|off|yourself|your (?:mother|family))|f u\b|fuk u|go fuck (?:yourself|urself)|screw you|piss off|sod off|bugger off|go to hell|rot in hell|burn in hell|up yours|kiss my (?:ass|arse)|eat shit|shove it up (?:your|ur) (?:ass|arse)|stfu|shut (?:the (?:fuck|hell) up|your (?:fucking |stupid |damn |dirty )?(?:mouth|face|trap|hole)))\b",
    ),
    Wording(
        "INSULT",
        0.85,
        rf"\b(?:shut up|listen|hey|oi|learn to (?:read|write)|get lost|answer me|hurry up|read it again|try again|do your job|nice try|thanks for nothing|bye|well done|wake up|no),? (?:you )?(?:{_ADJECTIVE} ){{0,3}}{_NOUN}\b",
    ),
    Wording(
        "INSULT",
        0.8,
        r"\b(?:your|ur) (?:(?:tiny|little|pea|pathetic|stupid|thick|empty|worthless|useless|miserable|ugly|fat|fucking|dumb) ){1,3}(?:brains?|head|face|ass|arse|mouth|skull|life|existence|family|mother|mum|mom|self)\b|\bare you (?:really |just |all |always |that |fucking )*(?:stupid|dumb|retarded|brain ?dead|illiterate|thick|mentally ill|an? (?:idiot|moron|imbecile))|\b(?:nobody|no one|everyone|everybody) (?:likes|loves|would miss|wants|hates|laughs at) you\b|\byou (?:disgust me|make me sick|have no brain|should be ashamed of existing|are a waste|have the (?:iq|brain) of)\b",
    ),
    Wording(
        "INSULT",
        0.65,
        rf"\b{_THEY}(?:'s|’s|'re|’re| is| are| was| were)(?: (?:such|a|an|just|the|so|really|nothing but|total|complete|absolute|all|biggest|fucking|bunch of|being)){{0,4}} (?:{_ADJECTIVE} ){{0,2}}(?:{_NOUN}|{_HARSH})\b",
    ),
    Wording(
        "INSULT",
        0.65,
        rf"\b(?:that|this|those|these|what an?|such an?|bunch of|pack of|full of|the|those) (?:{_ADJECTIVE} ){{0,2}}(?:idiots?|morons?|imbeciles?|assholes?|arseholes?|bastards?|cunts?|wankers?|dickheads?|scumbags?|retards?|cretins?|fuckwits?|motherfuckers?|fuckers?|sluts?|whores?)\b",
    ),
    Wording(
        "INSULT",
        0.45,
        r"\b(?:idiots?|morons?|imbeciles?|assholes?|arseholes?|cunts?|wankers?|dickheads?|scumbags?|retards?|fuckwits?|motherfuckers?|dumbass(?:es)?|jackass(?:es)?|whores?|sluts?)\b",
    ),
    Wording(
        "PROFANITY",
        0.3,
        r"\b(?:fuck\w{0,4}|shit(?:s|ty|show)?|bullshit|crap|damn(?:ed)?|bloody hell|wtf|ffs|piss(?:ed)? off|bitch(?:es|ing)?|bastards?|arse|bollocks|goddamn|cock ?suckers?)\b",
    ),
)
"""From the worst to the least."""

HARMLESS_EN = (
    r"\b(?:idiot-?proof|idiot(?:'s)? guide|for dummies|the idiot|american idiot|useful idiots?|moby[- ]dick|dick (?:van|cheney|tracy|turpin)"
    r"|scunthorpe|kill (?:the|a|all|this|that|that's|some|time|bugs?) (?:process|job|task|server|thread|lights?|engine|switch|session|time|weeds?)"
    r"|dirty (?:laundry|dishes)|trash (?:can|bin|bag|folder|collection)|garbage (?:collect\w+|truck|bin|bag|day)|rat (?:race|poison|trap|traps)"
    r"|you(?:'re| are) (?:a )?killing me|guinea pigs?|gym rats?|lab rats?|dead (?:line|link|battery|pixel)|fat (?:free|content|chance))\b"
)
"""What holds such words and abuses nobody."""
