"""Spanish wordings of abuse, of Spain and of America. Written for this project (CC0): no list of others is in it."""

from __future__ import annotations

from policies.guardrails.detectors.toxic_wording import Wording

_NOUN = (
    r"(?:idiotas?|imbecil(?:es)?|estupid[oa]s?|gilipollas|gilipuertas|subnormal(?:es)?|retrasad[oa]s?(?:"
    r" mental(?:es)?)?|mongolic[oa]s?"
    r"|tarad[oa]s?|cretin[oa]s?|capull[oa]s?|cabron(?:es|a|as)?|cabronaz[oa]s?|hij[oa]s? de (?:la gran"
    r" )?(?:puta|perra|su madre)"
    r"|hijueputas?|hijoputas?|jueputas?|put[oa]s?|putill[oa]s?|zorr[oa]s?|perr[oa]s?|guarr[oa]s?"
    r"|cerd[oa]s?|marran[oa]s?|ratas?|basuras?"
    r"|escorias?|mierdas?|mierdecillas?|pedazo de (?:mierda|animal|burr[oa]|basura|idiota|imbecil|inutil)"
    r"|inutil(?:es)?|patetic[oa]s?|fracasad[oa]s?"
    r"|perdedor(?:es|a|as)?|payas[oa]s?|tont[oa]s?(?: (?:del culo|de los cojones|del bote))?|tontolaba"
    r"|bob[oa]s?|memos?|merluz[oa]s?|zopenc[oa]s?|besug[oa]s?|burr[oa]s?"
    r"|pendej[oa]s?|pelotud[oa]s?|bolud[oa]s?|forr[oa]s?|gonorreas?|malparid[oa]s?|culer[oa]s?|mamon(?:es"
    r"|a|as)?|huevon(?:es|a|as)?|weon(?:es|a|as)?|conchudos?"
    r"|mam[ao]huevos?|come ?mierdas?|lameculos|soplapollas|mamarrach[oa]s?|desgraciad[oa]s?|malnacid[oa]s?"
    r"|miserables?|asqueros[oa]s?|sinverguenzas?"
    r"|parasit[oa]s?|garrapatas?|gentuza|chusma|bazofia|cucarachas?|analfabet[oa]s?|descerebrad[oa]s?"
    r"|incompetentes?|energumen[oa]s?|paletos?|muert[oa]s? de hambre)"
)
_HARSH = (
    r"(?:idiotas?|imbecil(?:es)?|estupid[oa]s?|gilipollas|subnormal(?:es)?|retrasad[oa]s?|cretin[oa]s?"
    r"|capull[oa]s?|cabron(?:es|a|as)?|hij[oa]s? de (?:la gran )?puta"
    r"|hijueputas?|malparid[oa]s?|pendej[oa]s?|pelotud[oa]s?|gonorreas?|soplapollas|malnacid[oa]s?"
    r"|descerebrad[oa]s?|gentuza)"
)
_FILL = (
    r"(?: (?:un|una|unos|unas|el|la|los|las|mas|muy|tan|solo|simplemente|realmente|completamente|totalmente"
    r"|verdader[oa]s?|autentic[oa]s?|maldit[oa]s?|put[oa]s?|jodid[oa]s?|reverend[oa]|pobre|gran|grandisim[oa]"
    r"|complet[oa]|tod[oa]s?|bien|que|pinches?|vaya|menud[oa]s?))"
)
_YOU_ARE = (
    r"(?:eres|sos|sois|estas hech[oa]|pareces|pareceis|pareces|te crees muy listo|usted es|ustedes son|son"
    r" ustedes|vosotros sois|no eres mas que|no sois mas que|no vales mas que|cada dia eres|siempre has sido"
    r"|siempre seras)"
)
_GROUP = (
    r"(?:l[oa]s |est[oa]s |es[oa]s |tod[oa]s l[oa]s |un[oa]s )?(?:mujeres|hombres|gays?|homosexuales"
    r"|lesbianas|trans|negr[oa]s|blanc[oa]s|asiatic[oa]s|chin[oa]s|latin[oa]s|sudamerican[oa]s"
    r"|mexican[oa]s"
    r"|arabes|musulman(?:es|as)|judi[oa]s|cristian[oa]s|catolic[oa]s|gitan[oa]s|inmigrantes|migrantes"
    r"|refugiad[oa]s|extranjer[oa]s|african[oa]s|marroquies|roman[oa]s|ruman[oa]s|venezolan[oa]s"
    r"|colombian[oa]s|moros|discapacitad[oa]s|viej[oa]s|pobres|indi[oa]s|feministas)"
)

SPANISH: tuple[Wording, ...] = (
    Wording(
        "INSULT",
        0.7,
        rf"(?:^|[.!?¡¿\n]\s{{0,2}})((?:eh,? |oye,? )?(?:tu,? )?(?:pedazo de |so |put[oa] |maldit[oa] )?{_HARSH}"
        r"(?:\s{0,2}[!.,]|\s{0,2}$))",
        group=1,
    ),
    Wording(
        "THREAT",
        0.95,
        r"\b(?:te|os|le|les|lo|la|los|las) (?:voy|vamos|van|va) a (?:matar|rajar|pegar (?:un tiro|una"
        r" paliza|fuego)|partir (?:la cara|las piernas|la boca|el cuello)|romper (?:la cara|las piernas|la"
        r" boca|los dientes|el cuello)|quemar(?: viv[oa]s?)?|violar|degollar|apunalar|reventar(?: la"
        r" cabeza)?|destrozar|arrancar (?:la cabeza|los ojos)|cortar (?:el cuello|la cabeza)|hacer (?:dano"
        r"|pedazos))\b|\bvoy a (?:matarte|mataros|rajarte|partirte|romperte|reventarte|violarte|quemarte"
        r"|ir a por ti|degollarte|destrozarte|matarl[oa]s?)\b",
    ),
    Wording(
        "THREAT",
        0.95,
        r"\b(?:te matare|os matare|te mato|te rajo|te reviento|te rompo la (?:cara|boca)|te parto la"
        r" (?:cara|boca)|matate|muerete|muere(?: de una vez| ya)|suicidate|cuelgate|tirate (?:por (?:la"
        r"|una) (?:ventana|puente)|de un puente|al tren)|ojala (?:te (?:mueras|maten|violen|atropellen|de"
        r" un cancer|pudras)|os (?:muerais|maten)|se (?:muera|mueran|pudra)(?: tod[oa]s?)?|revientes)|se"
        r" donde vives|vas a acabar (?:muert[oa]|bajo tierra|en una cuneta)|estas muert[oa]\b|mereces"
        r" (?:morir|que te (?:maten|peguen|violen))|habria que (?:matar|fusilar|colgar|quemar)(?:te|os"
        r"|l[oa]s?)|deberias (?:morirte|estar muert[oa]|suicidarte|matarte)|quitate la vida|nadie te"
        r" echaria de menos si te mueres|mejor muert[oa]\b)",
    ),
    Wording(
        "HATE",
        0.95,
        r"\b(?:maric(?:on(?:es|azo)?|as?|onas?)(?: de mierda)?|bolleras? de mierda|travelos?|sudacas?"
        r"|panchit[oa]s?|moros? de mierda|mor[oa]s? (?:asqueros[oa]s?|hij[oa]s? de puta)|negr[oa]s? de"
        r" mierda|gitan[oa]s? de mierda|judi[oa]s? de mierda|chin[oa]s? de mierda|ruman[oa]s? de mierda"
        r"|inmigrantes? de mierda|negratas?|machupichus?|feminazis?|sidosos?|mongolos?|put[oa]s? (?:moros?"
        r"|negr[oa]s?|gitan[oa]s?|judi[oa]s?|chin[oa]s?|inmigrantes?|sudacas?|extranjer[oa]s?))\b",
    ),
    Wording(
        "HATE",
        0.95,
        rf"\b{_GROUP} (?:son|sois|deberian ser|deberian estar|merecen|hay que|tendrian que)(?: tod[oa]s|"
        rf" un[oa]s| un[oa]| solo| como| siempre| nada mas que| la| el| l[oa]s| ser| estar){{0,4}}"
        rf" (?:{_NOUN}|animales|inferiores|delincuentes|ladron(?:es|as)?|terroristas|violadores|una plaga"
        rf"|un cancer|una peste|suci[oa]s|vag[oa]s|salvajes|monos|simios|exterminad[oa]s|eliminad[oa]s"
        rf"|fusilad[oa]s|quemad[oa]s|expulsarl[oa]s|matarl[oa]s|exterminarl[oa]s|mas tont[oa]s|menos"
        rf" list[oa]s|un virus|morir|muert[oa]s|la muerte)\b",
    ),
    Wording(
        "HATE",
        0.95,
        rf"\b(?:odio a|muerte a|hay que (?:matar|exterminar|quemar|echar|gasear) a|fuera|me dan asco|me"
        rf" asquean) (?:tod[oa]s )?l[oa]s (?:put[oa]s |malditos |asquerosos )?{_GROUP}\b",
    ),
    Wording(
        "SEXUAL_HARASSMENT",
        0.85,
        r"\b(?:chupame(?:la| la| el)|mandame (?:fotos )?(?:desnud[oa]|tus tetas|nudes)|ensename las"
        r" (?:tetas|piernas)|te (?:follaria|cogeria|empotraria|reventaria a polvos)|te voy a follar|que"
        r" (?:tetas|culo) tienes|sientate en mi cara|comeme (?:la|los) (?:polla|huevos|cojones|verga)"
        r"|mamame(?:la| la verga))\b",
    ),
    Wording("INSULT", 0.85, rf"\b{_YOU_ARE}{_FILL}{{0,4}} (?:{_NOUN} (?:e |y )?){{0,2}}{_NOUN}\b"),
    Wording(
        "INSULT",
        0.85,
        rf"(?:\b(?:so|pedazo de|cacho de|pinches?|maldit[oa]s?|put[oa]|panda de|atajo de|hatajo de|manada"
        rf" de|menud[oa]s?|valiente|grandisim[oa]s?|grandisimo hijo de|tu,? (?:pedazo|grandisimo)|vaya"
        rf" (?:panda|hatajo) de) (?:{_NOUN}|animal(?:es)?|bestias?|alimanas?|carroneros?)\b)",
    ),
    Wording(
        "INSULT",
        0.85,
        rf"\b(?:callate|cierra la boca|escucha|oye|mira|aprende a (?:leer|escribir)|lee otra vez|contesta"
        rf"|largate|vete|fuera|despierta|espabila|haz tu trabajo|adios|no sabes (?:nada|leer)|gracias por"
        rf" nada|a ver si te enteras|enterate|responde|inutil)(?: ya| de una vez)?,? (?:pedazo de |so |tu "
        rf"|puto |puta |maldito |maldita )?{_NOUN}\b",
    ),
    Wording(
        "INSULT",
        0.85,
        r"\b(?:(?:vete|iros|idos|que te vayas|te puedes ir|vayase|vayanse|andate|vete ya) a (?:la"
        r" (?:mierda|puta mierda|verga|chingada)|tomar por (?:el )?culo|cagar|freir esparragos a la"
        r" mierda)|que te (?:den(?: por culo)?|follen|jodan|parta un rayo|folle un pez)|que os (?:den"
        r"|follen|jodan)|(?:jodete|jodanse|jodeos|chinga(?:te| tu madre)|vete al (?:carajo|infierno"
        r"|diablo)|vayase al (?:carajo|infierno)|pudrete|muerdete la lengua y calla|concha (?:de tu|tu)"
        r" (?:madre|hermana)|la concha de tu madre|la puta que te pario|me cago en (?:tu|tus|vuestros|su)"
        r" (?:madre|muertos|puta madre|padre|familia|estampa)|tu puta madre|come mierda|cierra (?:la puta"
        r" boca|el pico|el hocico|esa bocaza)|callate la (?:puta )?boca|a la mierda (?:contigo|con"
        r" usted(?:es)?|todos vosotros)|me das (?:asco|verguenza ajena)|me dais asco|dais asco|das asco|no"
        r" vales (?:una mierda|para nada|ni para)|nadie te (?:quiere|soporta|aguanta)))\b",
    ),
    Wording(
        "INSULT",
        0.8,
        r"\b(?:eres|estas|sois|sos|es usted) (?:(?:muy|tan|mas|completamente|un poco|realmente|bastante"
        r"|medio|tremendamente) )?(?:tont[oa]s?|bob[oa]s?|estupid[oa]s?|inutil(?:es)?|fe[oa]s? (?:como|y)"
        r"|ridicul[oa]s?|patetic[oa]s?|cort[oa]s?(?: de (?:mente|miras|entendederas))|lerd[oa]s?"
        r"|incompetentes?|mal de la cabeza|lel[oa]s?|gord[oa]s? (?:de mierda|asqueros[oa])|lent[oa]s?"
        r" mental(?:es)?|loc[oa]s? de remate|insoportables?|asqueros[oa]s?)\b|\b(?:tienes|teneis|tiene"
        r" usted) (?:el cerebro de|menos (?:luces|cerebro|neuronas) que|cara de (?:culo|idiota|imbecil"
        r"|asco)|una mierda de (?:vida|cerebro)|serrin en la cabeza|dos neuronas)|\btu (?:patetica"
        r"|miserable|asquerosa|estupida|puta|ridicula) (?:vida|cara|existencia|familia|madre|cabeza|boca)\b",
    ),
    Wording(
        "INSULT",
        0.65,
        rf"\b(?:(?:es|son|era|eran|esta hech[oa])(?: un[oa]s?| el| la| l[oa]s| mas| tod[oa]s| solo| muy|"
        rf" tan| realmente| complet[oa]| autentic[oa]| verdader[oa]| grandisim[oa]| pobre| maldit[oa]|"
        rf" put[oa]){{1,4}} {_HARSH}|(?:mi|tu|su|vuestr[oa]|es[ea]|est[ea]) (?:jef[ea]|vecin[oa]"
        rf"|companer[oa]|madre|padre|herman[oa]|tio|tia|tipo|tipa|profesor[a]?|agente|empleado|empleada"
        rf"|ex) es (?:un[oa]? )?(?:muy |tan |mas )?{_HARSH}|(?:es[eao]s?|est[eao]s?|aquell?[oa]s?|l[oa]s)"
        rf" (?:put[oa]s? |malditos |maldito )?(?:gilipollas|subnormal(?:es)?|hij[oa]s? de puta"
        rf"|imbecil(?:es)?|idiotas?|cabron(?:es|a)?|malparid[oa]s?|pendej[oa]s?|pelotud[oa]s?|soplapollas"
        rf"|gentuza))\b",
    ),
    Wording(
        "INSULT",
        0.45,
        r"\b(?:gilipollas|subnormal(?:es)?|imbecil(?:es)?|idiotas?|hij[oa]s? de puta|hijueputas?"
        r"|malparid[oa]s?|pendej[oa]s?|pelotud[oa]s?|soplapollas|cabron(?:es)?|mamarrach[oa]s?"
        r"|cretin[oa]s?|descerebrad[oa]s?|malnacid[oa]s?|gonorreas?)\b",
    ),
    Wording(
        "PROFANITY",
        0.3,
        r"\b(?:jod(?:er|ido|ida|idos|idas|amos)|mierdas?|put[oa]s? (?:\w+)|de puta madre|hostia puta"
        r"|cojones|cojonud[oa]s?|carajo|chinga\w{1,5}|verga|pinches?|me cago en (?:la|todo|diez|dios)"
        r"|ostia puta|polla|follar|cagad[oa]s?|cagarla|culer[oa]s?|a tomar por culo)\b",
    ),
    Wording("PROFANITY", 0.3, r"\bconos?\b", needs="ñ"),
)
"""From the worst to the least."""

HARMLESS_ES = (
    r"\bmatar(?:te|os|l[oa]s?|me|nos)? a (?:besos|abrazos|cosquillas|preguntas|trabajar|estudiar|correos"
    r"|mensajes|mimos)\b|"
    r"\b(?:carrera de ratas|raton(?:es)?|basura (?:organica|electronica)|(?:bolsas?|cubos?"
    r"|contenedor(?:es)?|camion|recogida|cubo|bolsa|tirar|sacar|saca|bajar|baja|tasa|correo|comida"
    r"|carpeta) (?:de |la |a la )?basura"
    r"|perr[oa]s? (?:guia|pastor|policia|callejer[oa]s?|lazarillo)|(?:mi|tu|su|la|el|una|un|nuestra"
    r"|nuestro) (?:perr[oa]|burr[oa]|cerd[oa]|zorr[oa]|rata|gallina) (?:come|comio|duerme|ladra|tiene|esta"
    r"|es de|se|de)"
    r"|tres? tristes|el idiota de dostoievski|la cena de los idiotas|a prueba de idiotas|carne de cerdo"
    r"|cerdo iberico|pata de cerdo|payaso (?:de circo|para|profesional)|a lo tonto|tonto el ultimo|huevos?"
    r" de pascua|hacer el tonto|hacerse el tonto)\b"
)
"""What holds such words and abuses nobody."""
