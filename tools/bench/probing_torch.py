"""The peer of `probing --paper`: the published probe by PyTorch, and by PyTorch Lightning, on the same states and folds.

usage: probing_torch.py FOLDER D HOW
FOLDER holds states.f32 [n, d], folds.i32 [n] and target-0.f64 [n]; HOW is `plain` or `lightning`. Trains one target on
the folds other than 0 with one seed: dropout 0.2, a linear layer, SmoothL1, Adam at 1e-3 with linear warm-up and decay,
batches of 16, 20 epochs, early stopping with patience 10. Prints one JSON object.
"""
import json
import sys
import time
import warnings

import numpy as np
import torch

folder, d, how = sys.argv[1], int(sys.argv[2]), sys.argv[3]
torch.set_num_threads(1)
torch.manual_seed(0)
x = torch.from_numpy(np.fromfile(f"{folder}/states.f32", "<f4").reshape(-1, d))
y = np.fromfile(f"{folder}/target-0.f64", "<f8")
y = torch.from_numpy(((y - y.min()) / (y.max() - y.min())).astype("f4"))
fold_of = np.fromfile(f"{folder}/folds.i32", "<i4")
outer = torch.from_numpy(np.flatnonzero(fold_of != 0))
test = torch.from_numpy(np.flatnonzero(fold_of == 0))
outer = outer[torch.randperm(len(outer))]
held, train = outer[: len(outer) // 5], outer[len(outer) // 5 :]
EPOCHS, BATCH, PATIENCE = 20, 16, 10
total = EPOCHS * -(-len(train) // BATCH)
warm = total // 10


def rate(step):
    return step / max(1, warm) if step < warm else max(0.0, (total - step) / max(1, total - warm))


def net():
    return torch.nn.Sequential(torch.nn.Dropout(0.2), torch.nn.Linear(d, 1))


def plain():
    model, loss_of = net(), torch.nn.SmoothL1Loss()
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-3)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, rate)
    best, state, without = float("inf"), None, 0
    for _ in range(EPOCHS):
        model.train()
        for rows in train[torch.randperm(len(train))].split(BATCH):
            optimiser.zero_grad()
            loss_of(model(x[rows]).squeeze(1), y[rows]).backward()
            optimiser.step()
            schedule.step()
        model.eval()
        with torch.no_grad():
            loss = float(loss_of(model(x[held]).squeeze(1), y[held]))
        if loss < best:
            best, state, without = loss, {k: v.clone() for k, v in model.state_dict().items()}, 0
        else:
            without += 1
        if without >= PATIENCE:
            break
    model.load_state_dict(state)
    return model


def by_lightning():
    import lightning
    from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint
    from torch.utils.data import DataLoader, TensorDataset

    class Probe(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.net, self.loss_of = net(), torch.nn.SmoothL1Loss()

        def training_step(self, batch, _):
            return self.loss_of(self.net(batch[0]).squeeze(1), batch[1])

        def validation_step(self, batch, _):
            self.log("val_loss", self.loss_of(self.net(batch[0]).squeeze(1), batch[1]))

        def configure_optimizers(self):
            optimiser = torch.optim.Adam(self.parameters(), lr=1e-3)
            schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, rate)
            return [optimiser], [{"scheduler": schedule, "interval": "step"}]

    kept = ModelCheckpoint(dirpath=f"{folder}/checkpoints", monitor="val_loss")
    probe = Probe()
    trainer = lightning.Trainer(
        max_epochs=EPOCHS, accelerator="cpu", logger=False, enable_progress_bar=False, enable_model_summary=False,
        callbacks=[EarlyStopping("val_loss", patience=PATIENCE), kept],
    )
    trainer.fit(
        probe,
        DataLoader(TensorDataset(x[train], y[train]), batch_size=BATCH, shuffle=True),
        DataLoader(TensorDataset(x[held], y[held]), batch_size=BATCH),
    )
    probe.load_state_dict(torch.load(kept.best_model_path, weights_only=True)["state_dict"])
    return probe.net


if how == "lightning":
    import lightning  # not timed

    warnings.filterwarnings("ignore")
    what = f"PyTorch Lightning {lightning.__version__}, torch {torch.__version__}"
else:
    what = f"a plain loop, torch {torch.__version__}"
wall, cpu = time.perf_counter(), time.process_time()
model = by_lightning() if how == "lightning" else plain()
seconds = {"wall_s": time.perf_counter() - wall, "cpu_s": time.process_time() - cpu}
model.eval()
with torch.no_grad():
    predicted = model(x[test]).squeeze(1).numpy()
print(json.dumps({"what": what, **seconds, "pearson": float(np.corrcoef(predicted, y[test].numpy())[0, 1])}))
