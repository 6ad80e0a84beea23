"""Places of Spain and Latin America that end an address and are no persons: plain."""

from __future__ import annotations

_LIST = """
a coruna, albacete, alcala de henares, alcorcon, algeciras, alicante, almeria, avila, badajoz, badalona, barcelona,
bilbao, burgos, caceres, cadiz, cartagena, castellon de la plana, castellon, ceuta, ciudad real, cordoba, cuenca,
donostia, dos hermanas, elche, ferrol, fuenlabrada, getafe, gijon, girona, granada, guadalajara, hospitalet de
llobregat, huelva, huesca, jaen, jerez de la frontera, las palmas de gran canaria, las palmas, leganes, leon,
lleida, logrono, lugo, madrid, malaga, marbella, mataro, melilla, merida, mostoles, murcia, orense, ourense, oviedo,
palencia, palma de mallorca, palma, pamplona, pontevedra, reus, sabadell, salamanca, san sebastian, santa cruz de
tenerife, santander, santiago de compostela, segovia, sevilla, soria, talavera de la reina, tarragona, terrassa,
teruel, toledo, valencia, valladolid, vigo, vitoria-gasteiz, vitoria, zamora, zaragoza, castilla y leon, castilla-la
mancha, castilla la mancha, la rioja, costa rica, el salvador, puerto rico, san salvador, santo domingo, santa cruz,
la paz, la coruna, leon guanajuato, nuevo leon, buenos aires, bogota, medellin, rosario, ciudad de mexico,
monterrey, lima, quito, caracas, santiago
"""
TOWNS = tuple(name.strip() for name in _LIST.replace("\n", " ").split(","))
