"""The search: fast systems first, then the networks that can still win, each for a trial, and the best of them for the rest of the time."""

import math
import time
from collections.abc import Sequence

from alexnet.errors import AlexNetError, BadDataset, BudgetTooSmall, CannotWrite, Interrupted
from alexnet.i18n.units import duration
from alexnet.runs.folder import RunFolder
from alexnet.runs.tried import Tried, WhyNot, reason_of
from alexnet.runtime.events import Message
from alexnet.search.attempt import attempt
from alexnet.search.candidates import Candidate, candidates_for, for_uneven, why_missing
from alexnet.search.enough import enough_seconds
from alexnet.search.request import BY_VALIDATION
from alexnet.search.state import SearchState

TRIAL_SHARE = 1 / 6  # of the time that is left, for the trials of all networks together
SHORTEST_TRIAL = 20.0  # seconds in which a network shows what it could learn
SHORTEST_TRAINING = 8.0  # seconds, where nothing else has a result
LEAST_SHARE = 0.2  # of the training images, for a system that has no time for all of them
CAUTION = 0.8  # of the time left is planned for them
STILL_LEARNS = 2.0  # times the lowest error: a guess of how much a training several times as long can still gain


def search(state: SearchState) -> None:
    """Try the candidates for these images until the time is used, or nothing can win any more; the best model stays in `state.best`.

    Attempts that an earlier start has finished are not repeated. Raises BudgetTooSmall if no system has a result, Interrupted when the
    user stops it, and BadDataset and CannotWrite as a run would.
    """
    candidates = candidates_for(state.dataset.native_side())
    if state.dataset.is_uneven and state.request.balance is None:
        candidates = for_uneven(candidates)
    for candidate in (one for one in candidates if not one.is_trained):
        _try_fast(state, candidate)
    _try_networks(state, [one for one in candidates if one.is_trained])
    if state.lowest_error is None:
        raise BudgetTooSmall(_nothing(state))


def _try_fast(state: SearchState, candidate: Candidate) -> None:
    if state.was_tried(candidate.model):
        return
    usual = candidate.seconds(state.images, gray=state.dataset.traits.gray)
    needed, left = state.pace * usual, max(0.0, candidate.patience * state.left)
    if (missing := why_missing(candidate)) is not None:
        state.listen(Message(f"{missing} {candidate.adds}."))
        state.add(Tried(model=candidate.model, folder=candidate.model, why_not="missing", detail=missing))
    elif needed > left and (share := _affordable_share(state, candidate, left)) >= LEAST_SHARE:
        _try(state, candidate, None, candidate.folder, fraction=share)
    elif needed > left:
        state.add(Tried(model=candidate.model, folder=candidate.model, why_not="too_long", needed=needed, left=left))
    else:
        _try(state, candidate, None, candidate.folder)
        state.pace = max(state.pace, state.tried[-1].seconds / usual)


def _affordable_share(state: SearchState, candidate: Candidate, left: float) -> float:
    """The share of the training images for which the time suffices, in hundredths; 0 while there is no split to take a share of."""
    if not RunFolder(state.out).splits.exists():
        return 0.0
    fixed, whole = candidate.seconds(0), candidate.seconds(state.images, gray=state.dataset.traits.gray)
    return math.floor(100 * (CAUTION * left / state.pace - fixed) / max(whole - fixed, 1e-9)) / 100


def _try_networks(state: SearchState, networks: Sequence[Candidate]) -> None:
    """A trial for each network that needs one; then the most promising one for the time that is left."""
    best = state.lowest_error
    if best == 0:
        _leave_out(state, networks, "perfect")
        return
    networks = _possible(state, networks)
    sure = any(not one.needs_trial for one in networks)
    for network in (trials := _affordable_trials(state, [one for one in networks if one.needs_trial and best is not None and not sure])):
        _try_briefly(state, network, len(trials))
    chosen = _most_promising(state, networks)
    least = SHORTEST_TRAINING if best is None else SHORTEST_TRIAL
    if chosen is None or state.was_tried(_longest(chosen)):
        return
    if state.left < least:
        _leave_out(state, networks, "too_short")
        return
    seconds = min(state.left, max(least, enough_seconds(state, chosen.model)))
    _try(state, chosen, seconds, _longest(chosen))


def _affordable_trials(state: SearchState, networks: Sequence[Candidate]) -> Sequence[Candidate]:
    """The first networks that still need a trial, as many as have time for the shortest; all where there is time for none."""
    missing = [one for one in networks if not state.was_tried(one.folder)]
    most = int(TRIAL_SHARE * state.left / SHORTEST_TRIAL) or len(missing)
    _leave_out(state, missing[most:], "too_short")
    return missing[:most]


def _possible(state: SearchState, networks: Sequence[Candidate]) -> Sequence[Candidate]:
    """The networks that are installed here, and that have the time that they need at least; the others get a row with the reason."""
    found = []
    for network in networks:
        needed = state.pace * network.seconds(state.images) if network.fixed_seconds else 0.0
        if state.was_tried(network.folder) or state.was_tried(_longest(network)):
            found.append(network)
        elif (missing := why_missing(network)) is not None:
            state.listen(Message(f"{missing} {network.adds}."))
            state.add(Tried(model=network.model, folder=network.folder, why_not="missing", detail=missing))
        elif needed > state.left:
            state.add(Tried(model=network.model, folder=network.folder, why_not="too_long", needed=needed, left=max(0.0, state.left)))
        else:
            found.append(network)
    return [one for one in found if not any(row.folder == one.folder and row.why_not in ("missing", "too_long") for row in state.tried)]


def _try_briefly(state: SearchState, network: Candidate, trials: int) -> None:
    if state.was_tried(network.folder):
        return
    seconds = TRIAL_SHARE * state.left / trials
    if seconds < SHORTEST_TRIAL:
        _leave_out(state, [network], "too_short")
        return
    enough = max(SHORTEST_TRIAL, enough_seconds(state, network.model) / 3)
    _try(state, network, min(seconds, enough), network.folder)


def _most_promising(state: SearchState, networks: Sequence[Candidate]) -> Candidate | None:
    """The network to give the rest of the time to: one that needs no trial, or else the best in a trial if it can still win."""
    best = state.lowest_error
    errors = {one.folder: one.judged for one in state.tried if one.judged is not None and one.epochs is not None}
    for network in networks:
        if best is None or not network.needs_trial:
            return network
    tested = [one for one in networks if one.folder in errors]
    if not tested or best is None:
        return None
    chosen = min(tested, key=lambda one: errors[one.folder])
    if errors[chosen.folder] <= STILL_LEARNS * best:
        return chosen
    state.listen(Message(f"A longer training of {chosen.model} could not win any more: {errors[chosen.folder]:.1%} against {best:.1%}."))
    return None


def _try(state: SearchState, candidate: Candidate, seconds: float | None, name: str, *, fraction: float = 1.0) -> None:
    """Fit a candidate and add its row; a candidate without a result does not end the search."""
    model, balance = candidate.model, _balance(state, candidate)
    balanced = ", every class weighing the same," if balance == "loss" else ""
    limit = f" for {duration(seconds)}" if seconds is not None else f" on {fraction:.0%} of the training pictures" if fraction < 1 else ""
    state.listen(Message(f"Trying {model}{balanced}{limit}; {duration(max(0.0, state.left))} are left."))
    started = time.monotonic()
    ends = started + max(0.0, state.left) if seconds is None else None
    try:
        done = attempt(state, model, seconds=seconds, name=name, ends=ends, fraction=fraction, balance=balance)
    except CannotWrite:
        raise
    except Interrupted:
        if state.should_stop():
            raise
        state.add(Tried(model=model, folder=name, seconds=time.monotonic() - started, why_not="interrupted"))
    except AlexNetError as problem:
        if isinstance(problem, BadDataset) and not RunFolder(state.out).splits.exists():
            raise  # the images are at fault, not the system
        state.listen(Message(f"{model}: no result. {problem}"))
        state.add(Tried(model=model, folder=name, seconds=time.monotonic() - started, why_not="failed", detail=str(problem)))
    else:
        state.keep_best(done)
        state.add(done.tried)


def _balance(state: SearchState, candidate: Candidate) -> str | None:
    """The balance of an attempt; of a network that follows the SVMs, what validation chose for the best of them, or "loss" without one."""
    if candidate.balance != BY_VALIDATION or not candidate.is_trained:
        return candidate.balance
    chosen = min((one for one in state.tried if one.balanced is not None), key=lambda one: one.rank, default=None)
    return "none" if chosen is not None and not chosen.balanced else "loss"


def _leave_out(state: SearchState, networks: Sequence[Candidate], why_not: WhyNot) -> None:
    """Add a row without a result for those that were not tried."""
    for network in networks:
        if not any(one.model == network.model for one in state.tried):
            state.add(Tried(model=network.model, folder=network.folder, why_not=why_not, left=max(0.0, state.left)))


def _longest(network: Candidate) -> str:
    """The name of a network's second attempt, for the rest of the time."""
    return f"{network.folder}-longest"


def _nothing(state: SearchState) -> str:
    reasons = "\n  ".join(f"{one.model}: {reason_of(one)}" for one in state.tried)
    return (
        f"No system had a result within {duration(state.request.budget_seconds)}:\n  {reasons}\nUse a longer --budget, or one system: "
        "--model hog-svm."
    )
