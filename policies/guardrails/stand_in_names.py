"""Names that stand for names: of the same language and, where it can be told, of the same gender.

All are written in plain ASCII, so that neither JSON's escapes nor lost accents hide one from the way back. None is an
everyday word. A name belongs to nobody alone: what is made up here is the combination.
"""

from __future__ import annotations

from typing import Literal

from policies.checks import Language
from policies.guardrails.patterns import words

Gender = Literal["f", "m", ""]


def listed(text: str) -> tuple[str, ...]:
    """The words of a list that is written with blanks between, in their order."""
    return tuple(text.split())


PARTICLES = words(
    "de del la las los y i e da das do dos di du van von der den ter ten zu el al bin ben ibn abu mac mc st san"
    " santa san le o"
)
"""Small words inside a name. They are kept: they tell nobody's name."""

_GIVEN: dict[tuple[Language, Gender], tuple[str, ...]] = {
    ("es", "f"): listed(
        "Adelina Amparo Araceli Beatriz Benita Brigida Candelaria Carlota Casilda Catalina Cecilia"
        " Dorotea Elisenda Elvira Emilia Estefania Eugenia Fabiola Felisa Filomena Florinda Genoveva"
        " Gertrudis Graciela Herminia Hortensia Isidora Jacinta Josefina Julieta Leocadia Leonor Lorena Lucrecia"
        " Macarena Magdalena Marcelina Matilde Maura Micaela Obdulia Octavia Olalla Petronila"
        " Quiteria Ramona Raquel Rosaura Sabina Serafina Susana Teodora Ursula Zenaida"
    ),
    ("es", "m"): listed(
        "Abelardo Agapito Anselmo Anastasio Baldomero Bartolome Basilio Camilo Casimiro"
        " Cayetano Celestino Ciriaco Cosme Crisanto Demetrio Edmundo Eladio Emeterio Esteban Eugenio"
        " Eusebio Evaristo Fabricio Faustino Fermin Florencio Gaspar Genaro Gonzalo Gregorio Heliodoro"
        " Hilario Honorio Isidro Jacinto Leandro Leopoldo Lisardo Lorenzo Macario Marcelino Mauricio"
        " Melchor Nicanor Norberto Olegario Quintiliano Rodrigo Rogelio Rosendo"
        " Severino Teodoro Ulpiano Valeriano Venancio Wenceslao Zacarias"
    ),
    ("es", ""): listed("Arael Ariel Cris Dani Gael Izan Lander Noah Nael Unai Yael Zuri Amets Eider Haizea Lur"),
    ("en", "f"): listed(
        "Abigail Adelaide Agatha Amelia Annabel Arabella Beatrice Bernice Bridget Camilla Cecily"
        " Clarissa Cordelia Cressida Daphne Deborah Delphine Dorothy Edith Eleanor Elspeth Ernestine"
        " Estelle Eudora Fenella Genevieve Georgina Gwendolen Harriet Henrietta Hermione Imogen"
        " Isadora Josephine Lavinia Leonora Lettice Lucinda Marianne Matilda Millicent Minerva"
        " Muriel Octavia Ottoline Philippa Rosalind Rowena Sybil Tabitha Theodora Ursula"
        " Winifred"
    ),
    ("en", "m"): listed(
        "Alastair Algernon Ambrose Archibald Aubrey Barnaby Bartholomew Benedict Bertram Cedric"
        " Clarence Cornelius Crispin Cuthbert Cyril Desmond Digby Dunstan Edmund Egbert Emmett"
        " Eustace Fergus Fitzroy Gareth Gervase Gilbert Godfrey Hadrian Humphrey Ignatius"
        " Jerome Lambert Leander Leopold Lionel Lysander Magnus Montague Mortimer Nathaniel Norbert"
        " Osbert Oswald Percival Peregrine Phineas Quentin Reginald Roderick Rupert Sebastian Septimus Thaddeus"
        " Tobias Wilfred Zachary"
    ),
    ("en", ""): listed("Ainsley Ashby Blair Corey Darcy Ellery Emerson Finley Jody Kendall Lindsay Marlowe"),
}
_SURNAMES: dict[Language, tuple[str, ...]] = {
    "es": listed(
        "Abarrategui Acebedo Aguilera Alarcon Albornoz Alcazar Aldecoa Alvarado Anguita Aranguren Arbeloa Arechaga"
        " Arellano Arizmendi Arredondo Astudillo Azcarate Balmaseda Barrientos Basterra Belmonte Benavides Bermudez"
        " Buendia Calatrava Carbonell Cardenosa Carranza Carvajal Casanueva Castellanos Cespedes"
        " Cienfuegos Cifuentes Cisneros Contreras Covarrubias Echegaray Echevarria Elizalde Escalante"
        " Esquivel Fontecha Galdames Garrido Goicoechea Gorostiza Guevara Gurruchaga Henestrosa"
        " Hinojosa Ibarguren Inclan Iturralde Jaramillo Laguardia Landaburu Larrazabal Lizarraga"
        " Madariaga Maldonado Manrique Marquina Mendizabal Menchaca Monasterio Montalban Montenegro"
        " Murrieta Navarrete Olaizola Ordonez Orozco Osorio Pastrana Peralta Pereira Quesada Quintanilla"
        " Rebolledo Requena Riquelme Robledo Sagasta Salvatierra Sandoval Santisteban Sarmiento Sepulveda Solorzano"
        " Sotomayor Taboada Tordesillas Urquijo Valcarcel Valdivieso Velasco Villalobos Villaverde"
        " Zabaleta Zaldivar Zamorano Zubiri"
    ),
    "en": listed(
        "Abernathy Ackroyd Ainsworth Applegarth Arkwright Ashdown Attenborough Babington Balfour"
        " Bancroft Barraclough Beauchamp Bickerstaff Blenkinsop Bosworth Bracegirdle Braithwaite"
        " Brockhurst Buckminster Cadwallader Calloway Carmichael Cavendish Chadwick Chatterton"
        " Cholmondeley Clutterbuck Colquhoun Cranleigh Cuthbertson Dalrymple Davenport Dinsdale"
        " Eccleston Edgeworth Ellsworth Entwistle Fairclough Fanshawe Farnsworth Featherstone"
        " Fitzgibbon Forsythe Fotheringham Gainsborough Galbraith Garforth Goldsworthy Grimshaw"
        " Hackett Halliwell Hardcastle Hargreave Hathersage Heathcote Hepworth Holbrook Hollingsworth Honeycutt"
        " Huddleston Inglethorpe Kilbride Kirkpatrick Langstaff Leatherby Ledbetter Lockhart"
        " Loxley Mainwaring Marchbanks Merriweather Micklethwait Mossgrove Musgrave Netherby Northcott"
        " Oglethorpe Ollerenshaw Ormsby Osgood Pemberton Pettigrew Pinkerton Postlethwaite Quartermaine"
        " Ravenscroft Rowbotham Satterthwaite Shackleton Skeffington Snodgrass"
        " Sotheby Thistlethwaite Thornbury Threlfall Tillingham Tolliver Tunnicliffe"
        " Twelvetrees Vandeleur Wadsworth Warburton Weatherby Wetherell Whittaker Widdowson"
        " Winterbourne Wolstenholme Yardley"
    ),
}
_ONSETS = listed("b br c cr d dr f fl g gr j l m n p pr r s t tr v")
_VOWELS = tuple("aeiou")
_ENDS: dict[Gender, tuple[str, ...]] = {
    "f": ("lina", "dora", "nia", "tra", "vela"),
    "m": ("dor", "min", "lor", "bert", "nand"),
    "": ("ran", "del", "gard", "mont", "vald"),
}

_ES_MASCULINE_A = words("borja luca jose elias isaias josias matias tobias zacarias nicola bautista garcia andrea")
_ES_FEMININE = words(
    "carmen pilar isabel raquel ester esther ruth belen ines luz sol mar miriam abigail noemi dolores mercedes lourdes"
    " remedios consuelo rosario amparo rocio montserrat montse nieves angeles beatriz cruz paz concepcion encarnacion"
    " asuncion soledad trinidad leonor irene matilde clotilde maite itziar nerea leire amaia iratxe edurne izaskun"
    " ainhoa iris nuria judit judith elisabet isabel anabel maribel araceli pili merche mari chelo rosalind yaiza"
)
_ES_MASCULINE = words(
    "juan jose luis carlos manuel jesus javier miguel angel rafael david daniel gabriel samuel ismael joel abel"
    " francisco antonio pedro pablo alejandro fernando sergio jorge alberto alvaro adrian diego raul ivan ruben oscar"
    " ramon enrique vicente andres joaquin santiago victor eduardo roberto jaime mario ignacio alfonso salvador ricardo"
    " marcos jordi emilio hugo julian guillermo gonzalo tomas agustin nicolas martin lucas mateo leo bruno marc pau"
    " alex iker aitor unai asier jon mikel xavier felix gerardo cesar hector rodrigo simon omar dario pepe paco"
    " nacho curro quique inigo fermin eneko gorka koldo"
)
_EN_FEMININE = words(
    "mary patricia jennifer linda elizabeth barbara susan jessica sarah karen lisa nancy betty sandra margaret ashley"
    " kimberly emily donna michelle carol amanda melissa deborah stephanie rebecca laura sharon cynthia kathleen amy"
    " angela shirley brenda emma anna pamela nicole samantha katherine christine helen debra rachel carolyn janet"
    " catherine maria heather diane olivia julie joyce victoria ruth virginia lauren kelly christina joan evelyn judith"
    " andrea hannah megan cheryl jacqueline martha madison teresa gloria sara janice ann kathryn abigail sophia jean"
    " alice judy julia grace denise amber doris marilyn danielle beverly isabella theresa diana natalie brittany"
    " charlotte marie kayla alexis lori jane kathy cathy kate katie molly ella chloe lucy sophie zoe freya isla poppy"
    " claire fiona eilidh siobhan niamh aoife priya aisha fatima wendy tracy tina rosie ivy ava mia"
)
_EN_MASCULINE = words(
    "james robert john michael david william richard joseph thomas christopher charles daniel matthew anthony mark"
    " donald steven andrew paul joshua kenneth kevin brian george timothy ronald jason edward jeffrey ryan jacob"
    " gary nicholas eric jonathan stephen larry justin scott brandon benjamin samuel gregory alexander patrick frank"
    " raymond jack dennis jerry tyler aaron jose adam nathan henry zachary douglas peter kyle noah ethan jeremy"
    " christian walter keith austin roger terry sean gerald carl dylan harold jordan jesse bryan lawrence arthur"
    " gabriel bruce logan billy joe alan juan elijah willie albert wayne randy mason vincent liam roy bobby caleb"
    " bradley russell lucas oliver harry jack charlie alfie oscar freddie tom ben sam dan matt mike bob jim tim"
    " nigel graham ian stuart callum hamish rory declan connor ahmed mohammed ali raj"
)


def gender_of(given: str, language: Language) -> Gender:
    """The gender of a given name (plain, lower case); '' where it cannot be told."""
    if language == "en":
        return "f" if given in _EN_FEMININE else "m" if given in _EN_MASCULINE else ""
    if given in _ES_FEMININE:
        return "f"
    if given in _ES_MASCULINE or given in _ES_MASCULINE_A:
        return "m"
    if given.endswith("a"):
        return "f"
    return "m" if given.endswith("o") else ""


def is_given(word: str) -> bool:
    """Whether a word (plain, lower case) is a frequent given name of either language."""
    return any(word in known for known in (_ES_FEMININE, _ES_MASCULINE, _EN_FEMININE, _EN_MASCULINE))


def language_of(word: str, otherwise: Language) -> Language:
    """The language of a given name; `otherwise` where both or neither have it."""
    spanish = word in _ES_FEMININE or word in _ES_MASCULINE
    english = word in _EN_FEMININE or word in _EN_MASCULINE
    if spanish == english:
        return otherwise
    return "es" if spanish else "en"


def given_names(language: Language, gender: Gender) -> tuple[str, ...]:
    """Given names to choose from."""
    return _GIVEN[language, gender]


def surnames(language: Language) -> tuple[str, ...]:
    """Surnames to choose from."""
    return _SURNAMES[language]


def made_up(gender: Gender, picks: tuple[int, int, int, int, int]) -> str:
    """A name of syllables, for a conversation that has used up the lists. Any five numbers give one."""
    first, second, third, fourth, last = picks
    ends = _ENDS[gender]
    syllables = (
        _ONSETS[first % len(_ONSETS)],
        _VOWELS[second % len(_VOWELS)],
        _ONSETS[third % len(_ONSETS)],
        _VOWELS[fourth % len(_VOWELS)],
        ends[last % len(ends)],
    )
    return "".join(syllables).capitalize()
