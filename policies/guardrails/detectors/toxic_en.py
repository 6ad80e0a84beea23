"""English wordings of abuse. Written for this project (CC0): no word list of others is in it."""

from __future__ import annotations

from policies.guardrails.detectors.toxic_wording import Wording

_NOUN = (
    r"(?:idiots?|morons?|imbeciles?|cretins?|dumb ?ass(?:es)?|jack ?ass(?:es)?|ass ?holes?|arse ?holes?"
    r"|bastards?|bitch(?:es)?"
    r"|cunts?|twats?|wankers?|tossers?|pricks?|dick ?heads?|dick|shit ?heads?|fuck ?(?:ers?|wits?|faces?)"
    r"|mother ?fuckers?|scum"
    r"(?:bags?)?|douche(?:bags?)?|losers?|loosers?|low ?lifes?|pigs?|rats?|trash|garbage|waste of (?:space"
    r"|air|oxygen|skin)"
    r"|piece of (?:shit|crap|garbage|trash|filth)|pieces of (?:shit|crap|trash)|half ?wits?|nit ?wits?|dim"
    r" ?wits?|dunces?"
    r"|simpletons?|sluts?|whores?|skanks?|hoes?|clowns?|parasites?|vermin|cockroach(?:es)?|creeps?|weirdos?|psychos?"
    r"|retards?|village idiot|ignoramus|airheads?|dolts?|oafs?|numbskulls?|pea ?brains?|brainless (?:\w+)?)"
)
_ADJECTIVE = (
    r"(?:stupid|dumb|idiotic|moronic|worthless|pathetic|useless|disgusting|brainless|braindead|brain dead|retarded|ugly"
    r"|fat|despicable|repulsive|incompetent|hopeless|clueless|vile|filthy|dirty|nasty|rotten|lying"
    r"|spineless|fucking|fuckin|goddamn|bloody|damn"
    r"|ignorant|miserable|lazy|subhuman|sick|insane|thick)"
)
_HARSH = (
    r"(?:stupid|dumb|idiotic|moronic|worthless|pathetic|disgusting|brainless|braindead|brain dead|retarded|despicable"
    r"|repulsive|vile|subhuman|spineless|a joke|dumber than \w+|so (?:stupid|dumb|ugly|fat|useless)|as thick as \w+)"
)
_YOU_ARE = (
    r"(?:you(?:'re|’re| are|re)|ur|u r|u are|you all are|y'all are|you lot are|you people are|you must be"
    r"|you sound like"
    r"|you look like|you behave like|you(?:'re|’re| are) (?:being|nothing but|all|both|just|such|truly"
    r"|really|literally))"
)
_FILL = (
    r"(?: (?:a|4n?|an|the|such|so|just|really|truly|nothing but|one|total|complete|absolute|utter|real|bunch of"
    r"|and|very|most|biggest|fucking|little|old))"
)
_THEY = (
    r"(?:he|she|they|it's|that (?:guy|man|woman|girl|boy|person)|my (?:boss|neighbou?r|colleague|teacher|ex"
    r"|sister|brother)|your (?:mom|mother|mum|dad|father|sister|wife|boss|agent|colleague|staff|team))"
)
_GROUP = (
    r"(?:all |these |those |the |you )?(?:women|men|girls|gays?|gay people|homosexuals|lesbians|trans(?:"
    r" people)?|transgenders"
    r"|blacks|black people|whites|white people|asians|chinese(?: people)?|latinos|mexicans|arabs|muslims"
    r"|jews|jewish people"
    r"|christians|catholics|gypsies|roma|romani(?: people)?|immigrants|migrants|refugees|foreigners"
    r"|africans|indians|moroccans|disabled people|cripples|old people|poor people)"
)

ENGLISH: tuple[Wording, ...] = (
    Wording(
        "INSULT",
        0.7,
        rf"(?:^|[.!?\n]\s{{0,2}})((?:you )?(?:{_ADJECTIVE} ){{0,3}}(?:idiots?|morons?|imbeciles?|assholes?"
        rf"|arseholes?|bastards?"
        r"|cunts?|wankers?|dickheads?|scumbags?|retards?|motherfuckers?|fuckers?|bitch|whore|slut|dumbass|jackass)"
        r"(?:\s{0,2}[!.,]|\s{0,2}$))",
        group=1,
    ),
    Wording(
        "THREAT",
        0.95,
        r"\b(?:i(?:'ll|’ll| will| am going to|'m going to|’m going to|m gonna|'m gonna| swear i(?:'ll|"
        r" will))|we(?:'ll| will| are going to)|somebody should|someone should|they should|let's)"
        r" (?:fucking |personally |find you and |come over and |hunt you down and |come and )?(?:kill"
        r"|murder|stab|shoot|strangle|rape|behead|gut|hang|burn|beat|hurt|break|smash|slit|cut|destroy"
        r"|end) (?:you|u|him|her|them|your|ur|all of (?:you|them)|every one of you)(?: (?:face|legs?|neck"
        r"|throat|skull|teeth|kids?|family|wife|up|down|alive|all|to death|life|both|and))?\b",
    ),
    Wording(
        "THREAT",
        0.95,
        r"\b(?:kill (?:yourself|urself|your self)|kys|go (?:and )?(?:die|hang yourself|drown yourself|jump"
        r" off a (?:bridge|cliff))|drink bleach|(?:hope|wish) (?:that )?(?:you|he|she|they|your (?:whole"
        r" )?family) (?:all )?(?:dies?|gets? (?:cancer|raped|killed|shot|run over)|rots?|burns?)|you"
        r" (?:should|deserve to) (?:die|be (?:shot|killed|hanged|raped|put down))|i know where you (?:live"
        r"|work)|watch your back|you(?:'re| are) (?:a )?dead(?: man| meat)?\b|better off dead|end your(?:"
        r" own)? life|do the world a favou?r and (?:die|end))",
    ),
    Wording(
        "HATE",
        0.95,
        r"\b(?:niggers?|niggas|kikes|spics?|wetbacks?|chinks?|gooks?|pakis?|ragheads?|towelheads?|sand"
        r" niggers?|coons?|faggots?|fags|dykes|trannies|tranny|shemales?|mongoloids?|subhumans?"
        r"|untermensch(?:en)?)\b",
    ),
    Wording(
        "HATE",
        0.95,
        rf"\b{_GROUP} (?:are|is|r|should be|deserve(?: to be)?|must be|need to be|ought to be)(?: all|"
        rf" just| nothing but| like| such| really| always| only| the| a| bunch of)* (?:{_NOUN}|{_HARSH}"
        rf"|filth|animals|inferior|subhumans?|criminals|thieves|terrorists|rapists|a disease|a plague|a"
        rf" cancer|dirty|lazy|savages|monkeys|apes|exterminated|eradicated|gassed|shot|killed|hanged"
        rf"|deported|burned|put down|beaten|kept in cages)\b",
    ),
    Wording(
        "HATE",
        0.95,
        rf"\b(?:i (?:hate|despise|can't stand)|death to|kill|gas|exterminate|fuck|burn) (?:all |the |these"
        rf" |those |every )(?:fucking |filthy |dirty )?{_GROUP}\b",
    ),
    Wording(
        "HATE",
        0.9,
        rf"\b(?:filthy|dirty|fucking|stupid|disgusting|damn) (?:{_GROUP}|jew|muslim|arab|mexican|immigrant"
        rf"|gypsy|black|asian|gay|foreigner)\b",
    ),
    Wording(
        "SEXUAL_HARASSMENT",
        0.85,
        r"\b(?:send (?:me )?(?:your )?nudes|suck my (?:dick|cock|balls)|show me your (?:tits|boobs|pussy"
        r"|ass)|i(?:'d| would|'ll| want to) (?:fuck|bang|bend) you|sit on my face|nice tits|bend over for"
        r" me)\b",
    ),
    Wording("INSULT", 0.85, rf"\b{_YOU_ARE}{_FILL}{{0,4}} (?:{_ADJECTIVE},? (?:and )?){{0,3}}{_NOUN}\b"),
    Wording(
        "INSULT",
        0.85,
        rf"\b{_YOU_ARE}(?: (?:so|such|really|truly|just|all|very|too|fucking|the most|a bit|as|completely"
        rf"|totally|utterly|both|bloody)){{0,3}} {_HARSH}\b",
    ),
    Wording(
        "INSULT",
        0.85,
        rf"\b(?:you|u|ya)(?: (?:little|old|absolute|complete|total|utter))? (?:{_ADJECTIVE},? (?:and"
        rf" )?){{0,3}}{_NOUN}\b",
    ),
    Wording(
        "INSULT",
        0.85,
        r"\b(?:fuck (?:you|u|off|yourself|your (?:mother|family))|f u\b|fuk u|go fuck (?:yourself|urself)"
        r"|screw you|piss off|sod off|bugger off|go to hell|rot in hell|burn in hell|up yours|kiss my"
        r" (?:ass|arse)|eat shit|shove it up (?:your|ur) (?:ass|arse)|stfu|shut (?:the (?:fuck|hell) up"
        r"|your (?:fucking |stupid |damn |dirty )?(?:mouth|face|trap|hole)))\b",
    ),
    Wording(
        "INSULT",
        0.85,
        rf"\b(?:shut up|listen|hey|oi|learn to (?:read|write)|get lost|answer me|hurry up|read it again"
        rf"|try again|do your job|nice try|thanks for nothing|bye|well done|wake up|no),? (?:you"
        rf" )?(?:{_ADJECTIVE} ){{0,3}}{_NOUN}\b",
    ),
    Wording(
        "INSULT",
        0.8,
        r"\b(?:your|ur) (?:(?:tiny|little|pea|pathetic|stupid|thick|empty|worthless|useless|miserable|ugly"
        r"|fat|fucking|dumb) ){1,3}(?:brains?|head|face|ass|arse|mouth|skull|life|existence|family|mother"
        r"|mum|mom|self)\b|\bare you (?:really |just |all |always |that |fucking )*(?:stupid|dumb|retarded"
        r"|brain ?dead|illiterate|thick|mentally ill|an? (?:idiot|moron|imbecile))|\b(?:nobody|no one"
        r"|everyone|everybody) (?:likes|loves|would miss|wants|hates|laughs at) you\b|\byou (?:disgust me"
        r"|make me sick|have no brain|should be ashamed of existing|are a waste|have the (?:iq|brain) of)\b",
    ),
    Wording(
        "INSULT",
        0.65,
        rf"\b{_THEY}(?:'s|’s|'re|’re| is| are| was| were)(?: (?:such|a|an|just|the|so|really|nothing but"
        rf"|total|complete|absolute|all|biggest|fucking|bunch of|being)){{0,4}} (?:{_ADJECTIVE}"
        rf" ){{0,2}}(?:{_NOUN}|{_HARSH})\b",
    ),
    Wording(
        "INSULT",
        0.65,
        rf"\b(?:that|this|those|these|what an?|such an?|bunch of|pack of|full of|the|those)"
        rf" (?:{_ADJECTIVE} ){{0,2}}(?:idiots?|morons?|imbeciles?|assholes?|arseholes?|bastards?|cunts?"
        rf"|wankers?|dickheads?|scumbags?|retards?|cretins?|fuckwits?|motherfuckers?|fuckers?|bitch(?:es)?|sluts?"
        rf"|whores?)\b",
    ),
    Wording(
        "INSULT",
        0.45,
        r"\b(?:idiots?|morons?|imbeciles?|assholes?|arseholes?|cunts?|wankers?|dickheads?|scumbags?"
        r"|retards?|fuckwits?|motherfuckers?|dumbass(?:es)?|jackass(?:es)?|whores?|sluts?)\b",
    ),
    Wording(
        "PROFANITY",
        0.3,
        r"\b(?:fuck\w{0,4}|shit(?:s|ty|show)?|bullshit|crap|damn(?:ed)?|bloody hell|wtf|ffs|piss(?:ed)?"
        r" off|bitch(?:es|ing)?|bastards?|arse|bollocks|goddamn|cock ?suckers?)\b",
    ),
)
"""From the worst to the least."""

HARMLESS_EN = (
    r"\bchinks? (?:in|of)\b|"
    r"\b(?:beat|kill|destroy|smash|hurt) (?:you|him|her|them) (?:at|in|to it|with kindness)\b|\bpig farm\w*\b|"
    r"\bbitch(?:es)? (?:had|has had|gave birth|in heat|and her pups|whelp\w*)\b|"
    r"\b(?:idiot-?proof|idiot(?:'s)? guide|for dummies|the idiot|american idiot|useful idiots?"
    r"|moby[- ]dick|dick (?:van|cheney|tracy|turpin)"
    r"|scunthorpe|kill (?:the|a|all|this|that|that's|some|time|bugs?) (?:process|job|task|server|thread"
    r"|lights?|engine|switch|session|time|weeds?)"
    r"|dirty (?:laundry|dishes)|trash (?:can|bin|bag|folder|collection)|garbage (?:collect\w+|truck|bin"
    r"|bag|day)|rat (?:race|poison|trap|traps)"
    r"|you(?:'re| are) (?:a )?killing me|guinea pigs?|gym rats?|lab rats?|dead (?:line|link|battery|pixel)"
    r"|fat (?:free|content|chance))\b"
)
"""What holds such words and abuses nobody."""
