"""One file for each family of checkpoints: its fields, its tensors, and ours."""

from minilm.interop.families import bert, gpt2, gpt_neox, llama
from minilm.interop.family import Family

__all__ = ["FAMILIES"]

FAMILIES: dict[str, Family] = {
    family.model_type: family
    for family in (
        gpt2.FAMILY,
        llama.LLAMA,
        llama.QWEN2,
        llama.QWEN3,
        gpt_neox.FAMILY,
        bert.BERT,
        bert.ROBERTA,
    )
}
