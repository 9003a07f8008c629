"""The peer of experiment.ts: a whole experiment as one writes it with transformers and scikit-learn.

    python peer_experiment.py measure COMMAND...                       runs a command; prints its seconds, its peak of memory
                                                                       and what it printed last
    python peer_experiment.py run FOLDER WORK TOKENS THREADS LAYERS    FOLDER: the checkpoint; WORK/prompts.json as experiment.ts
                                                                       writes it; LAYERS: of so many layers, probes
    python peer_experiment.py again FOLDER WORK TOKENS THREADS LAYERS  the same of the continuations in WORK/continuations.json

`run` and `again` print the correlations of the probes, EMT, the share of the layers that they probed, and the seconds of it.
"""

import json
import resource
import subprocess
import sys
import time
from pathlib import Path

SAMPLES = 25
PENALTIES = [10.0**i for i in range(-2, 10)]
FOLDS = 4


def measure(command):
    started = time.perf_counter()
    printed = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = {"seconds": time.perf_counter() - started, "cpu_seconds": used.ru_utime + used.ru_stime}
    print(json.dumps({**seconds, "peak_mb": used.ru_maxrss / 1024, "printed": printed[-1] if printed else ""}))


def experiment(folder, work, tokens, threads, count, given):
    import numpy as np
    import torch
    from sklearn.linear_model import RidgeCV
    from transformers import AutoModelForCausalLM, AutoTokenizer

    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "embedded/scorer"))
    import reference

    torch.set_num_threads(threads)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    prompts = json.loads((work / "prompts.json").read_text())

    @torch.inference_mode()
    def continued(prompt):
        """States of the prompt [1, layers, d] and of its continuations [samples, layers, d], and the texts."""
        ids = tokenizer(prompt["text"], return_tensors="pt").input_ids
        length = ids.shape[1]
        if given is None:
            out = model.generate(
                ids, attention_mask=torch.ones_like(ids), do_sample=True, top_p=0.9, top_k=0, temperature=1.0,
                num_return_sequences=SAMPLES, max_new_tokens=tokens, min_new_tokens=tokens, pad_token_id=0,
                output_hidden_states=True, return_dict_in_generate=True,
            )
            sequences = out.sequences
            last = model(sequences[:, -1:], past_key_values=out.past_key_values, output_hidden_states=True)
            first, *steps = out.hidden_states
            of_prompt = torch.stack([layer[:1].mean(1) for layer in first], 1)
            each = [torch.stack([layer[:, -1] for layer in step], 1) for step in [*steps, last.hidden_states]]
            of_texts = torch.stack(each).mean(0)
        else:
            new = torch.tensor(given[prompt["id"]])
            sequences = torch.cat([ids.repeat(len(new), 1), new], 1)
            states = torch.stack(model(sequences, output_hidden_states=True).hidden_states, 2)
            of_prompt, of_texts = states[:1, :length].mean(1), states[:, length:].mean(1)
        return of_prompt.numpy(), of_texts.numpy(), tokenizer.batch_decode(sequences[:, length:])

    done = [continued(prompt) for prompt in prompts]
    scorer = reference.load(reference.SCORER)
    sigmoid = lambda x: 1 / (1 + np.exp(-x))
    scored = lambda texts: np.array([sigmoid(reference.logits(scorer, text)) for text in texts])
    prompt_scores = scored([prompt["text"] for prompt in prompts])
    text_scores = np.stack([scored(texts) for _, _, texts in done])
    maxima = text_scores.max(1)

    of_prompts = np.concatenate([states for states, _, _ in done])
    of_texts = np.concatenate([states for _, states, _ in done])
    flat = text_scores.reshape(-1, text_scores.shape[2])
    samples = [len(texts) for _, _, texts in done]
    lengths = np.array([[len(prompt["text"])] for prompt in prompts], float)
    text_lengths = np.array([[len(text)] for _, _, texts in done for text in texts], float)
    prompt_targets = np.hstack([prompt_scores, lengths])
    fold_of = np.array([prompt["fold"] for prompt in prompts])
    scenarios = {
        "input": (of_prompts, prompt_targets, fold_of),
        "backward": (of_prompts, maxima, fold_of),
        "forward": (of_texts, np.repeat(prompt_targets, samples, 0), np.repeat(fold_of, samples)),
        "output": (of_texts, np.hstack([flat, text_lengths]), np.repeat(fold_of, samples)),
    }
    layers = of_prompts.shape[1]
    probed = sorted(set(np.linspace(0, layers - 1, min(count, layers)).round().astype(int).tolist()))
    correlations = {}
    started, spent = time.perf_counter(), time.process_time()
    for scenario, (states, targets, folds) in scenarios.items():
        for layer in probed:
            x = states[:, layer].astype(np.float64)
            for fold in range(FOLDS):
                train, test = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
                inner = [
                    (np.flatnonzero(folds[train] != other), np.flatnonzero(folds[train] == other))
                    for other in range(FOLDS) if other != fold
                ]
                for target in range(targets.shape[1]):
                    probe = RidgeCV(alphas=PENALTIES, cv=inner, scoring="neg_mean_squared_error")
                    predicted = probe.fit(x[train], targets[train, target]).predict(x[test])
                    r = np.corrcoef(predicted, targets[test, target])[0, 1]
                    correlations[f"{scenario} {layer} {target} {fold}"] = float(r) if np.isfinite(r) else None
    seconds = {"seconds": time.perf_counter() - started, "cpu_seconds": time.process_time() - spent}
    probing = {**seconds, "share": len(probed) / layers}
    print(json.dumps({"correlations": correlations, "emt": maxima.mean(0).tolist(), "probing": probing}))


if __name__ == "__main__":
    command, *rest = sys.argv[1:]
    if command == "measure":
        measure(rest)
    else:
        folder, work, tokens, threads, count = rest
        given = json.loads((Path(work) / "continuations.json").read_text()) if command == "again" else None
        experiment(folder, Path(work), int(tokens), int(threads), int(count), given)
