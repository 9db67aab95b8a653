"""The end of a search: the best model becomes an ordinary run, tested once."""

import json
import shutil
from dataclasses import replace

from alexnet.data.balance import effective_images
from alexnet.models.kinds import kind_of
from alexnet.recipes.recipe import Recipe
from alexnet.recipes.toml import to_toml
from alexnet.runs.context import RunContext
from alexnet.runs.finish import finish
from alexnet.runs.folder import RunFolder
from alexnet.runs.result import FitResult, Result
from alexnet.runs.tried import Search
from alexnet.runtime.events import Message
from alexnet.search.attempt import attempt
from alexnet.search.state import Attempt, SearchState


def conclude(state: SearchState) -> Result:
    """Test the best model, and write it with its report into the search's folder; the candidates' folders go.

    The recipe is the winner's, with the epochs that fitted into its time.
    """
    best, folder = _best(state), RunFolder(state.out)
    names = {one.model for one in state.tried if one.error is not None}
    reason = f"it had the lowest validation error of {len(names)} systems tried" if len(names) > 1 else "no other system had a result"
    resolved = replace(best.resolved, recipe=repeatable(best.resolved.recipe, best.fitted), model_reason=reason)
    folder.write(folder.recipe, to_toml(resolved.recipe))
    folder.write(folder.splits, json.dumps(best.prepared.splits.to_json(state.dataset), ensure_ascii=False))  # of a share: the share
    folder.write_history(best.fitted.history)
    folder.write_skipped((skip.name, skip.class_name, skip.reason) for skip in best.prepared.images.skipped)
    context = RunContext(
        folder=folder,
        dataset=state.dataset,
        device=state.device,
        listen=state.listen,
        should_stop=state.should_stop,
        decoders=state.decoders,
        started=state.started - state.spent_before,
        search=_search(state, best),
    )
    state.listen(Message(f"Testing {resolved.recipe.model}: {reason}."))
    result = finish(resolved, context, best.prepared, best.fitted)
    if state.live is not None:
        state.live.remove()
    if not state.keeps:
        shutil.rmtree(state.candidates, ignore_errors=True)
    return result


def repeatable(recipe: Recipe, fitted: FitResult) -> Recipe:
    """The recipe that repeats a training whose length a budget has set: the same number of epochs, without the budget."""
    if kind_of(recipe.model).fixed_features:
        return recipe
    return replace(recipe, training=replace(recipe.training, epochs=fitted.epochs, budget_seconds=0.0))


def _search(state: SearchState, best: Attempt) -> Search:
    judges = best.prepared.splits.validation
    effective = effective_images(best.prepared.images.labels_of(judges))
    return Search(budget_seconds=state.request.budget_seconds, validation=len(judges), tried=tuple(state.tried), effective=effective)


def _best(state: SearchState) -> Attempt:
    """The best attempt; one of an earlier start is fitted again (a network: read from its checkpoint), whatever time is left."""
    leader = state.leader
    assert leader is not None, "a search without a result has been refused"
    if state.best is not None and state.best.tried == leader:
        return state.best
    seconds = leader.seconds if leader.epochs is not None else None
    return attempt(state, leader.model, seconds=seconds, name=leader.folder, fraction=leader.fraction, balance=leader.balance)
