"""Loads what a verified release names: adapter and policy out of the blobs, the base model, the engine and the guards.

Slow and synchronous: run it in a thread. Everything is found by digest; nothing is taken from a name or a tag.
"""

from __future__ import annotations

from infra.base_model import BaseModel, open_base_model
from infra.contracts.adapter import Adapter
from infra.contracts.model_version import ModelVersion, PromptSpec
from infra.engines.load import AdapterFiles, load_engine
from infra.errors import CheckFailed
from infra.guard_keys import GuardKeys
from infra.guard_models import load_models
from infra.home import Home
from infra.rules import read_rule
from infra.settings import EngineSettings
from infra.stores.blobs import Blobs
from infra.stores.releases import VerifiedRelease
from policies.guardrails.compiled import Guards, compile_guards
from policies.policy import parse_guardrails
from services.served import Served

_SCRIPTED_POLICY = "default"
_SCRIPTED_TOKENS = 1024
_WARM_UP = "Hello, I am Jane Roe, please help me. Hola, soy Juan Pérez."


class Loader:
    """Loads versions for one gateway. The models of guardrails are loaded once and shared by all of them."""

    def __init__(self, home: Home, settings: EngineSettings) -> None:
        self._home = home
        self._settings = settings
        self._blobs = Blobs(home.blobs)

    def released(self, verified: VerifiedRelease) -> Served:
        """The version of a release, ready to answer. Raises SluiceError: a part is missing or not as recorded."""
        manifest = verified.manifest
        text = self._blobs.get(manifest.guardrails).decode("utf-8")
        guards = self._guards(text, manifest.guardrails, manifest.prompt)
        engine = load_engine(self._settings, self._base(manifest), self._adapter(manifest))
        return Served(manifest.pipeline, engine, guards, manifest.guardrails, manifest.prompt, verified)

    def scripted(self, model: str) -> Served:
        """The scripted engine behind the default guardrails, for dry runs. Needs no model and no release."""
        rule = read_rule("guardrails", _SCRIPTED_POLICY)
        prompt = PromptSpec(system="", answer_format="text", max_new_tokens=_SCRIPTED_TOKENS)
        digest = self._blobs.put(rule.text.encode())
        engine = load_engine(self._settings, None, None)
        return Served(model, engine, self._guards(rule.text, rule.source, prompt), digest, prompt, None)

    def _guards(self, text: str, source: str, prompt: PromptSpec) -> Guards:
        policy = parse_guardrails(text, source=source)
        keys = GuardKeys.at_home(self._home) if policy.needs_keys else None
        guards = compile_guards(policy, prompt=prompt, models=load_models(policy.models), keys=keys)
        guards.check_input(_WARM_UP)  # what loads on first use does so here, not in somebody's request
        guards.check_output(_WARM_UP)
        return guards

    def _base(self, manifest: ModelVersion) -> BaseModel | None:
        if self._settings.engine_name != "openvino":
            return None
        base = open_base_model(self._home)
        if base.digest != manifest.base_model:
            raise CheckFailed(
                "the base model here is not the one that the version stands on",
                where=str(base.folder),
                cure="restore the models folder from a backup, or retrain",
            )
        return base

    def _adapter(self, manifest: ModelVersion) -> AdapterFiles | None:
        if self._settings.engine_name != "openvino":
            return None
        adapter = Adapter.from_json(self._blobs.get(manifest.adapter))
        digests = {file.name: file.digest for file in adapter.files}
        try:
            weights, config = digests["adapter_model.safetensors"], digests["adapter_config.json"]
        except KeyError as missing:
            raise CheckFailed(f"the adapter has no {missing.args[0]}", cure="retrain the pipeline") from None
        return AdapterFiles(weights=self._blobs.check(weights), config=self._blobs.check(config))
