"""What every test has: quiet dependencies, a home of its own, a tiny base model, and the outside data's place."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from infra.base_model import SMOLLM2, BaseFile, BaseManifest
from infra.digest import sha256_file
from infra.home import Home, write_atomic
from infra.quiet import hush

hush()
for _name in [name for name in os.environ if name.startswith("SLUICE_") and not name.startswith("SLUICE_TEST_")]:
    # A developer's own settings must not decide a test.
    del os.environ[_name]

_DATA = Path(os.environ.get("SLUICE_TEST_DATA", Path(__file__).parent.parent.parent / "shared" / "data"))


_TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """An empty home."""
    return Home.open(tmp_path / "home")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of outside data. Missing data skips at home and fails in CI."""
    if not _DATA.is_dir():
        message = f"no data at {_DATA}; set SLUICE_TEST_DATA"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    return _DATA


@pytest.fixture(scope="session")
def tiny_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base model's folder: two layers of 32 wide, bytes as tokens. Made in a second, and as real to the trainer."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM

    folder = tmp_path_factory.mktemp("tiny-base")
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE({letter: number for number, letter in enumerate(letters)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(["<|im_start|>", "<|im_end|>"])
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps({"eos_token": "<|im_end|>"}), encoding="utf-8")
    (folder / "chat_template.jinja").write_text(_TEMPLATE, encoding="utf-8")
    torch.manual_seed(5)
    config = LlamaConfig(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=8,
        max_position_embeddings=512,
        tie_word_embeddings=True,
        initializer_range=0.3,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    files = tuple(
        BaseFile(name=path.name, digest=sha256_file(path), size_bytes=path.stat().st_size)
        for path in sorted(folder.iterdir())
    )
    write_atomic(folder / "manifest.json", BaseManifest(name=SMOLLM2, source="random", files=files).to_json())
    return folder
