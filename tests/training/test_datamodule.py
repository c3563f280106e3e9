"""The data module gives each process its share of every step and of every evaluation."""

from types import SimpleNamespace

from tests.small_world import data_of


def test_every_process_gets_its_share(build):
    phase = build("classification", batch_size=8)
    data = data_of(phase.features, plan=phase.plan, validation=[phase.features], max_tokens=8192, max_eval_tokens=60)
    whole = next(iter(data.train_dataloader()))
    batches = [batch.rows for batch in data.val_dataloader()]
    assert sum(whole.sizes) == 8 and len(batches) > 2
    data.trainer = SimpleNamespace(global_rank=1, world_size=2)
    assert sum(next(iter(data.train_dataloader())).sizes) == 4
    assert [batch.rows for batch in data.val_dataloader()] == batches[1::2]


def test_a_loaded_state_is_where_the_steps_begin(build):
    data = build("classification", steps=3, max_tokens=100).data
    data.load_state_dict({"next_step": 2, "max_tokens": 50})
    assert [step.number for step in data.train_dataloader()] == [2]
    assert data.state_dict() == {"next_step": 3, "max_tokens": 50}
