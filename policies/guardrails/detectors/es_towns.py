"""Places of Spain and Latin America that end an address and are no persons, plain, as an alternation."""

from __future__ import annotations

TOWNS = (
    r"a coruna|albacete|alcala de henares|alcorcon|algeciras|alicante|almeria|avila|badajoz|badalona|barcelona"
    r"|bilbao|burgos"
    r"|caceres|cadiz|cartagena|castellon de la plana|castellon|ceuta|ciudad real|cordoba|cuenca|donostia"
    r"|dos hermanas|elche"
    r"|ferrol|fuenlabrada|getafe|gijon|girona|granada|guadalajara|hospitalet de llobregat|huelva|huesca|jaen"
    r"|jerez de la frontera|las palmas de gran canaria|las palmas|leganes|leon|lleida|logrono|lugo|madrid|malaga"
    r"|marbella"
    r"|mataro|melilla|merida|mostoles|murcia|orense|ourense|oviedo|palencia|palma de mallorca|palma|pamplona"
    r"|pontevedra"
    r"|reus|sabadell|salamanca|san sebastian|santa cruz de tenerife|santander|santiago de compostela|segovia"
    r"|sevilla|soria"
    r"|talavera de la reina|tarragona|terrassa|teruel|toledo|valencia|valladolid|vigo|vitoria-gasteiz|vitoria"
    r"|zamora|zaragoza"
    r"|castilla y leon|castilla-la mancha|castilla la mancha|la rioja|costa rica|el salvador|puerto rico|san salvador"
    r"|santo domingo|santa cruz|la paz|la coruna|leon guanajuato|nuevo leon|buenos aires"
    r"|bogota|medellin|buenos aires|rosario|ciudad de mexico|guadalajara|monterrey|lima|quito|caracas|santiago"
)
