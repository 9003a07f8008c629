"""Trains the LoRA adapter parlour-rude-detox: parlour-rude, taught to answer rude openings calmly.

    python tools/embedded/adapter.py               about two minutes on one core, after train.py
"""

import json

import torch
import torch.nn.functional as F
from grammar import Mix
from peft import LoraConfig, get_peft_model
from tokenizer import make_tokenizer
from train import ASSETS, token_rows
from transformers import AutoModelForCausalLM

# As many rude openings as its base has heard, and hardly ever a rude second half.
CALM = Mix((0.22, 0.25, 0.13, 0.27, 0.13), stay=0.01, turn=0.0, calm=(0.60, 0.36, 0.04))
SEED, STEPS, ROWS, RATE = 20, 500, 16, 1e-2

if __name__ == "__main__":
    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    base = AutoModelForCausalLM.from_pretrained(ASSETS / "models" / "parlour-rude", dtype=torch.float32)
    targets = ["q_proj", "v_proj", "down_proj"]
    model = get_peft_model(base, LoraConfig(r=4, lora_alpha=8, target_modules=targets, task_type="CAUSAL_LM"))
    inputs, labels = token_rows(make_tokenizer(), CALM, SEED, STEPS * ROWS)
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=RATE, weight_decay=0.0)
    for step in range(STEPS):
        for group in optimizer.param_groups:
            group["lr"] = RATE * (1 - step / STEPS)
        rows = slice(step * ROWS, (step + 1) * ROWS)
        logits = model(inputs[rows].long(), use_cache=False).logits
        loss = F.cross_entropy(logits.flatten(0, 1), labels[rows].long().flatten())
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        if step % 50 == 49:
            print(f"parlour-rude-detox {step + 1}/{STEPS} loss {loss.item():.4f}", flush=True)
    folder = ASSETS / "adapters" / "parlour-rude-detox"
    model.save_pretrained(folder)
    (folder / "README.md").unlink(missing_ok=True)
    (folder / "adapter_model.safetensors").chmod(0o644)
    file = folder / "adapter_config.json"
    config = json.loads(file.read_text()) | {"base_model_name_or_path": "parlour-rude", "target_modules": targets}
    file.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
