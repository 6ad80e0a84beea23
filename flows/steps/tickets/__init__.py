"""Made-up support tickets in English and Spanish, seeded, with things planted in them whose place is known.

What a ticket says (english, spanish), made-up personal data (personal), how a ticket is put together (compose), what is
planted (plant), and the whole as JSONL lines with its truth (generate).
"""
