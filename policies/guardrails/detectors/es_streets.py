"""Words of Spanish street addresses, plain, as alternations: what a street is called, what leads to an address.

The detector and its coarse shape are both made of them, so that no shape can miss what the detector would find.
"""

from __future__ import annotations

ABBREVIATED = "cl|c|cll|avda|avd|av|plza|pza|pl|pso|rda|trav|cno|ctra|gta|urb|pje|cra"
"""Before a full stop."""
WORDS = (
    r"cl|cll|calle|avenida|avda|avd|av|plaza|plza|pza|placa|praza|paseo|pso|passeig|ronda|rda|travesia|trav"
    r"|camino|cno|carretera|ctra|glorieta|gta|rambla|urbanizacion|urb|pasaje|pje|poligono|bulevar|callejon|jiron"
    r"|carrera|cra|colonia|rua|carrer|avinguda|kalea|gran via|alameda|cuesta|costanilla|barrio|bda|sector|vereda"
    r"|malecon|boulevard|prolongacion|calzada|privada|cerrada|andador|circuito|diagonal|transversal|kra|cr"
)
"""Before a blank."""
LEADS = (
    r"viv[eo] en|vivimos en|viven en|residente en|resid[eo] en|domiciliad[oa] en|domicilio en|domicilio|direccion de"
    r" (?:envio|entrega|facturacion)|direccion|envio a|entregar? en|enviar a|envielo a|mandalo a|mandar a|mudado a"
)
"""For living somewhere and for sending."""
