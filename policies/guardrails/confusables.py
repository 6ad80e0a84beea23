"""Letters and digits of other scripts that look like ASCII ones.

`UNICODE` is what Unicode's own table (UTS 39, confusables.txt) says of single letters and numbers that NFKC leaves
alone. It was made from the copy that the package confusable-homoglyphs 3.3.1 carries, and is kept here because that
copy is a megabyte of JSON, of which one part in a hundred is wanted: see tests/policies/guardrails/test_confusables.py.
`DRAWN` is what people write for an ASCII letter although its shape is only near.
"""

from __future__ import annotations

UNICODE = {
    "2": "ϨᒿꙄꛯꝚ",
    "3": "ЗӠⳌꝪꞫ𑣊𖼻",
    "4": "Ꮞ𑢯",
    "5": "𑢻",
    "6": "бᏮⳒ𑣕",
    "7": "𐓒𑣆",
    "8": "𐌚",
    "9": "ⳊꝮ𑢬𑣌𑣖",
    "A": "ΑАᎪᗅꓮ𐊠𖽀",
    "B": "ΒВᏴᗷꓐꞴ𐊂𐊡𐌁",
    "C": "СᏟⲤꓚ𐊢𐌂𐐕𐔜𑣲",
    "D": "Ꭰᗞᗪꓓ",
    "E": "ΕЕᎬⴹꓰ𐊆𑢦𑢮",
    "F": "ϜᖴꓝꞘ𐊇𐊥𐔥𑢢𑣂",
    "G": "ԌᏀᏳꓖ",
    "H": "ΗНᎻᕼⲎꓧ𐋏",
    "I": "ΙІӀⲒ",
    "J": "ͿЈᎫᒍꓙꞲ",
    "K": "ΚКᏦᛕⲔꓗ𐔘",
    "L": "ᏞᒪⳐꓡ𐐛𐔦𑢣𑢲𖼖",
    "M": "ΜϺМᎷᗰᛖⲘꓟ𐊰𐌑",
    "N": "ΝⲚꓠ𐔓",
    "O": "ΟОՕଠዐⲞⵔ〇ꓳ𐊒𐊫𐐄𐓂𐔖𑢵",
    "P": "ΡРᏢᑭⲢꓑ𐊕",
    "Q": "ⵕ",
    "R": "ᎡᏒᖇꓣ𐒴𖼵",
    "S": "ЅՏᏕᏚꓢ𐊖𐐠𖼺",
    "T": "ΤТᎢⲦꓔ𐊗𐊱𐌕𑢼𖼊",
    "U": "Սሀᑌꓴ𐓎𑢸𖽂",
    "V": "ѴᏙᐯⴸꓦꛟ𐔝𑢠𖼈",
    "W": "ԜᎳᏔꓪ𑣯",
    "X": "ΧХᚷⲬⵝꓫꞳ𐊐𐊴𐌗𐌢𐔧𑣬",
    "Y": "ΥУҮᎩᎽⲨꓬ𐊲𑢤𖽃",
    "Z": "ΖᏃꓜ𐋵𑢩",
    "a": "ɑαа",
    "b": "ЬᏏᑲᖯ",
    "c": "сᴄⲥꮯ𐐽",
    "d": "ԁᏧᑯꓒ",
    "e": "еҽꬲ",
    "f": "քẝꞙꬵ",
    "g": "ɡցᶃ",
    "h": "һհᏂ",
    "i": "ıɩɪιіӏᎥꙇꭵ𑣃",
    "j": "ϳј",
    "l": "ᛁⵏꓲ𐊊𐌉𐌠𖼨",
    "n": "ոռ",
    "o": "οσоօഠဝჿᴏᴑⲟꬽ𐐬𐓪𑣈𑣗",
    "p": "ρрⲣ",
    "q": "ԛգզ",
    "r": "гᴦⲅꭇꭈꮁ",
    "s": "ѕꜱꮪ𐑈𑣁",
    "u": "ʋυսᴜꞟꭎꭒ𐓶𑣘",
    "v": "νѵᴠꮩ𑜆𑣀",
    "w": "ɯѡԝաᴡꮃ𑜊𑜎𑜏",
    "x": "хᕁᕽ",
    "y": "ɣʏγуүყᶌỿꭚ𑣜",
    "z": "ᴢꮓ𑣄",
}
"""For each ASCII letter or digit, what looks the same."""

DRAWN = {
    "A": "ΔΛ", "E": "Σ", "N": "И", "Q": "Ԛ", "R": "Я", "W": "Ш",
    "a": "ᴀ", "b": "ʙвβъƅ", "d": "ᴅ", "e": "ᴇεэ", "f": "ꜰƒ", "g": "ɢ", "h": "ʜн", "j": "ᴊ", "k": "ᴋκк", "l": "ʟ",
    "m": "ᴍм", "n": "ɴηпий", "p": "ᴘ", "r": "ʀя", "t": "ᴛτт", "u": "μц", "w": "ωшщ", "x": "χж",
}  # fmt: skip
"""For each ASCII letter, what stands for it in disguises."""

LOOK_ALIKES = {
    ord(letter): plain for table in (UNICODE, DRAWN) for plain, letters in table.items() for letter in letters
}
"""Code point -> ASCII letter or digit, as `str.translate` takes it."""
