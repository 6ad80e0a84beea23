"""A base model's folder in a second: a tiny Llama with random weights and bytes as tokens, as real to the trainer.

`python -P tests/tiny_base.py FOLDER` writes it; tests take it by `runpy`, since `tests` is no package.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from infra.base_model import SMOLLM2, BaseFile, BaseManifest
from infra.digest import sha256_file
from infra.home import write_atomic

_TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


def write_tiny_base(folder: Path) -> None:
    """Fills `folder`: two layers of 32 wide, the same weights each time."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM

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


if __name__ == "__main__":
    write_tiny_base(Path(sys.argv[1]))
