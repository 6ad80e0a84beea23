"""load_engine: the engine that the settings name. The one place that knows all of them."""

from __future__ import annotations

from infra.base_model import BaseModel
from infra.engines.adapter_files import AdapterFiles
from infra.engines.engine import Engine
from infra.errors import BadInput, PartFailed
from infra.settings import EngineSettings

__all__ = ["AdapterFiles", "load_engine"]


def load_engine(settings: EngineSettings, base: BaseModel | None, adapter: AdapterFiles | None) -> Engine:
    """Loads an engine, blocking until it can answer: run it in a thread where an event loop must not wait.

    openvino needs the base model and takes one adapter. The upstream has its model already: an adapter is refused with
    BadInput, since it would not be what answers. scripted passes over both, and every record says so. Raises what each
    engine raises.
    """
    if settings.engine_name == "openvino":
        from infra.engines.openvino import OpenVinoEngine

        if base is None:
            raise PartFailed("the openvino engine needs a base model", cure="run `sluice retrain` first")
        return OpenVinoEngine(base, adapter, precision=settings.engine_precision)
    if settings.engine_name == "upstream":
        from infra.engines.upstream import UpstreamEngine

        if adapter is not None:
            raise BadInput(
                "an upstream cannot load an adapter",
                where="SLUICE_ENGINE_NAME",
                cure="use SLUICE_ENGINE_NAME=openvino here; to serve, load it at the upstream and name its model",
            )
        return UpstreamEngine(
            settings.engine_upstream_url, settings.engine_upstream_model, settings.engine_upstream_key_file
        )
    from infra.engines.scripted import ScriptedEngine

    return ScriptedEngine()
