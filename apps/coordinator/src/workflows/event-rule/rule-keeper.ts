import {
  formatDuration,
  formatProblems,
  parse,
  ruleEventSchema,
  EVENT_RULE_LIMITS,
  type EventRule,
  type EventRuleResult,
  type EventRuleStatus,
  type Firing,
  type NewEventInput,
} from '@switchyard/contracts';
import { readEvent, type EventReading, type FiringView } from '@switchyard/runbook';
import { continueRun, failureOf, type CodedFailure, type Run } from '@switchyard/workflow-kit';
import {
  allHandlersFinished,
  condition,
  patched,
  sleep,
  workflowInfo,
  type ChildWorkflowHandle,
  type Workflow,
} from '@temporalio/workflow';
import { stepFailureOf } from '../step-failure.js';
import { FiringList } from './firing-list.js';
import { look } from './look.js';
import { UnreadableEvent, type RuleInbox } from './rule-inbox.js';
import { registerRuleMessages, type RuleDesk } from './rule-messages.js';
import {
  due,
  ended,
  fire,
  hasRoomFor,
  limitedUntil,
  newRuleState,
  nextWake,
  onlyTroubled,
  passed,
  remember,
  resolved,
  rewritten,
  timingOf,
  troubled,
  type RuleState,
  type RuleTiming,
} from './rule-state.js';
import { groupsInWords, ruleStatus, type RuleView } from './rule-status.js';
import { startFiring } from './start-firing.js';

/** All that a rule knows, as it continues as new with it. */
export interface CarriedRule {
  readonly state: RuleState;
  readonly firings: readonly Firing[];
  readonly counts: RuleView['counts'];
  readonly lastLook: EventRuleStatus['lastLook'];
  readonly nextLookAt: number;
  readonly looks: number;
  readonly pausedBy: string | null;
}

export const WATCH = 'watch';
export const FIRE = 'fire';

/**
 * Events of history after which a rule continues as new as soon as no run of it is under way, and in any case. Short, for
 * a worker that takes a rule over reads all of it again: about a millisecond per signal.
 */
const LONG_HISTORY = 1_000;
const FULL_HISTORY = 10_000;

/**
 * Events that are read in one go. A worker that was away finds all that came meanwhile in one workflow task, and what
 * runs for more than five seconds in one is ended and tried again, for ever. At a millisecond each this is far from it.
 */
const PORTION = 500;

/** Interprets the state machine of a rule: hands it events and the time, and starts what it says is due. */
export class RuleKeeper implements RuleDesk {
  readonly #run: Run;
  readonly #inbox: RuleInbox;
  readonly #firings: FiringList;
  #rule: EventRule;
  #state: RuleState;
  #counts: RuleView['counts'];
  #lastLook: EventRuleStatus['lastLook'];
  #nextLookAt: number;
  #looks: number;
  #isDeleted = false;
  #isLimited = false;
  /** A group has found no room, and none has since. */
  #isFull = false;
  /** Something has changed that the next turn of the loop must look at. */
  #isStirred = false;

  constructor(run: Run, rule: EventRule, inbox: RuleInbox, carried: CarriedRule | null) {
    this.#run = run;
    this.#rule = rule;
    this.#inbox = inbox;
    this.#firings = new FiringList(carried?.firings);
    const underWay = (carried?.firings ?? []).filter(({ state }) => state === 'running');
    this.#state = underWay.reduce(
      (state, { number }) => ended(this.#timing, state, number),
      carried?.state ?? newRuleState,
    );
    this.#counts = carried?.counts ?? { events: 0, duplicates: 0, refused: 0 };
    this.#lastLook = carried?.lastLook ?? null;
    this.#nextLookAt = carried?.nextLookAt ?? Date.now();
    this.#looks = carried?.looks ?? 0;
    if (carried) run.setPaused(carried.pausedBy);
    registerRuleMessages(run, this);
  }

  get rule(): EventRule {
    return this.#rule;
  }

  status(): EventRuleStatus {
    const { pausedBy } = this.#run.board.status;
    const view: RuleView = {
      rule: this.#rule,
      state: this.#state,
      firings: this.#firings.all,
      counts: this.#counts,
      lastLook: this.#lastLook,
      isPaused: pausedBy !== null,
    };
    return ruleStatus(view, Date.now());
  }

  apply(rule: EventRule): void {
    this.#rule = rule;
    this.#state = rewritten(this.#state);
    this.#nextLookAt = Date.now();
    this.#isLimited = false;
    this.#isStirred = true;
    this.#tell({ type: 'rule_applied', message: `another version of rule "${rule.metadata.name}" is in force` });
  }

  delete(): void {
    this.#isDeleted = true;
    this.#isStirred = true;
  }

  /** Lives until the rule is deleted. */
  async keep(): Promise<EventRuleResult> {
    this.#run.step(WATCH).start();
    for (;;) {
      // oxlint-disable no-await-in-loop -- one turn after the other: each sees what the last one left
      this.#isStirred = false;
      await this.#lookIfDue();
      const isMore = this.#receivePortion();
      this.#state = passed(this.#timing, this.#state, Date.now());
      if (this.#isDeleted) return this.#result();
      if (!this.#isPaused) await this.#fireDue();
      this.#run.board.step(WATCH, { detail: groupsInWords(this.#state) });
      if (this.#isHistoryLong()) {
        await this.#run.recorder.drain();
        // What came meanwhile is read first, and an update is carried out first: both would be lost with this execution.
        if (this.#isQuiet() && allHandlersFinished())
          await continueRun(this.#run, () => [{ rule: this.#rule, carried: this.#carried() }]);
      }
      // A timer, and no condition: it ends the workflow task.
      if (isMore) await sleep(1);
      else await this.#untilSomethingHappens();
      // oxlint-enable no-await-in-loop
    }
  }

  get #timing(): RuleTiming {
    return timingOf(this.#rule);
  }

  get #isPaused(): boolean {
    return this.#run.board.status.pausedBy !== null;
  }

  #isQuiet(): boolean {
    return this.#inbox.isEmpty && !this.#isStirred;
  }

  #isHistoryLong(): boolean {
    const { historyLength, continueAsNewSuggested } = workflowInfo();
    if (historyLength >= FULL_HISTORY) return true;
    // A run under way is waited for where that is possible: another execution cannot hear of its end.
    return (historyLength >= LONG_HISTORY || continueAsNewSuggested) && !this.#firings.areUnderWay;
  }

  #carried(): CarriedRule {
    return {
      state: this.#state,
      firings: this.#firings.all,
      counts: this.#counts,
      lastLook: this.#lastLook,
      nextLookAt: this.#nextLookAt,
      looks: this.#looks,
      pausedBy: this.#run.board.status.pausedBy,
    };
  }

  async #untilSomethingHappens(): Promise<void> {
    const wasPaused = this.#isPaused;
    const happens = (): boolean => !this.#isQuiet() || this.#isPaused !== wasPaused;
    const now = Date.now();
    const times = [nextWake(this.#timing, this.#state, now), this.#rule.poll ? this.#nextLookAt : null];
    const wakes = times.filter((time) => time !== null);
    if (wakes.length === 0) await condition(happens);
    else await condition(happens, Math.max(1, Math.min(...wakes) - now));
  }

  /** Reads what has come, oldest first. @returns whether some of it is left for the next workflow task */
  #receivePortion(): boolean {
    const { size } = this.#inbox;
    // Rules that were recorded before read everything at once.
    const isMore = size > PORTION && patched('event-portions');
    for (const event of this.#inbox.take(isMore ? PORTION : size)) this.#receive(event);
    return isMore;
  }

  #receive(given: unknown): void {
    if (given instanceof UnreadableEvent) return this.#refuse(`an event was refused: send it as JSON: ${given.why}`);
    const parsed = parse(ruleEventSchema, given);
    if (!parsed.ok) return this.#refuse(`an event was refused: ${formatProblems(parsed.problems)}`);
    const { id, data } = parsed.value;
    if (this.#rule.poll) return this.#refuse(`event ${id} was refused: this rule looks at its metric by itself`);
    const remembered = remember(this.#state, id);
    if (!remembered) {
      this.#counts = { ...this.#counts, duplicates: this.#counts.duplicates + 1 };
      return;
    }
    this.#state = remembered;
    this.#observe(`event ${id}`, data);
  }

  /** @returns what was read; undefined for an event that was refused */
  #observe(what: string, data: Record<string, unknown>): EventReading | undefined {
    let reading: EventReading;
    try {
      reading = readEvent(this.#rule, data);
    } catch (error) {
      this.#refuse(`${what} was refused: ${stepFailureOf(error).message}`);
      return undefined;
    }
    const { group, verdict } = reading;
    if (verdict === 'trouble' && !hasRoomFor(this.#state, group)) {
      this.#refuseGroup(group);
      return undefined;
    }
    if (verdict === 'trouble' && !Object.hasOwn(this.#state.groups, group)) this.#isFull = false;
    this.#counts = { ...this.#counts, events: this.#counts.events + 1 };
    const before = this.#state;
    if (verdict === 'trouble') this.#state = troubled(before, group, data, Date.now());
    if (verdict === 'resolved') this.#state = resolved(before, group);
    this.#tellOfPending(before, [group]);
    return reading;
  }

  #tellOfPending(before: RuleState, groups: Iterable<string>): void {
    const isPending = ({ groups: all }: RuleState, name: string): boolean =>
      Object.hasOwn(all, name) && all[name]?.phase === 'pending';
    for (const name of groups) {
      const [was, is] = [isPending(before, name), isPending(this.#state, name)];
      if (!was && is) this.#tell({ type: 'group_pending', subject: name, message: `trouble in group "${name}"` });
      if (was && !is) this.#tell({ type: 'group_resolved', subject: name, message: `group "${name}" is well again` });
    }
  }

  #refuse(message: string): void {
    this.#counts = { ...this.#counts, refused: this.#counts.refused + 1 };
    // Said once: a sender with a mistake in it sends the same for ever.
    if (!this.#run.board.status.warnings.includes(message)) this.#run.warn(message);
  }

  /** Said of the first group that finds no room, until there was room again: a storm may bring thousands. */
  #refuseGroup(group: string): void {
    const isKnown = this.#isFull && patched('event-portions');
    this.#isFull = true;
    if (isKnown) this.#counts = { ...this.#counts, refused: this.#counts.refused + 1 };
    else this.#refuse(`group "${group}" was refused: the rule keeps ${EVENT_RULE_LIMITS.groups} groups already`);
  }

  async #lookIfDue(): Promise<void> {
    const { poll } = this.#rule;
    if (!poll || Date.now() < this.#nextLookAt) return;
    this.#nextLookAt = Date.now() + poll.every;
    this.#looks += 1;
    const rule = this.#rule;
    const { events, problem } = await look(this.#run, WATCH, poll, this.#looks);
    // Another version was put in force meanwhile: what the old one asked for means nothing to it.
    if (this.#rule !== rule) return;
    const hadProblem = (this.#lastLook?.problem ?? null) !== null;
    const tooLong = events?.find((event) => JSON.stringify(event).length > EVENT_RULE_LIMITS.eventChars);
    const trouble = tooLong ? `an event is longer than ${EVENT_RULE_LIMITS.eventChars} characters` : problem;
    this.#lastLook = { at: new Date().toISOString(), problem: trouble };
    if (trouble !== null && !hadProblem) this.#run.warn(`the metric could not be looked at: ${trouble}`);
    if (!events || tooLong) return;
    const readings = events.map((event, i) => this.#observe(`event ${i} of a look`, event));
    // An event that cannot be read may be of any group: then nothing is known to be over.
    if (readings.includes(undefined)) return;
    const before = this.#state;
    this.#state = onlyTroubled(
      before,
      new Set(readings.flatMap((one) => (one && one.verdict !== 'resolved' ? [one.group] : []))),
    );
    this.#tellOfPending(before, Object.keys(before.groups));
  }

  async #fireDue(): Promise<void> {
    const groups = due(this.#timing, this.#state, Date.now());
    for (const group of groups) await this.#fire(group);
    const until = limitedUntil(this.#timing, this.#state, Date.now());
    if (until !== null && !this.#isLimited) {
      this.#tell({
        type: 'rule_limited',
        level: 'warning',
        message: `maxPer holds back what is due until ${new Date(until).toISOString()}`,
      });
    }
    this.#isLimited = until !== null;
  }

  async #fire(group: string): Promise<void> {
    const now = Date.now();
    const { state, trouble, number } = fire(this.#state, group, now);
    this.#state = state;
    const { name } = this.#rule.metadata;
    const [since, at] = [trouble.since, now].map((ms) => new Date(ms).toISOString()) as [string, string];
    const { events: count, first, last } = trouble;
    const view: FiringView = { number, rule: name, group, count, since, at, first, last };
    this.#firings.add({ number, group, events: count, since, at, runId: null, state: 'running', error: null });
    try {
      const handle = await startFiring(this.#run, FIRE, this.#rule, view);
      this.#firings.change(number, { runId: handle.workflowId });
      this.#tell({
        type: 'rule_fired',
        subject: group,
        message: `firing ${number} for group "${group}": ${count} events in ${formatDuration(now - trouble.since)}`,
        data: { number, runId: handle.workflowId, events: count },
      });
      void this.#untilEnd(number, group, handle);
    } catch (error) {
      this.#ended(number, group, stepFailureOf(error));
    }
  }

  async #untilEnd(number: number, group: string, handle: ChildWorkflowHandle<Workflow>): Promise<void> {
    try {
      await handle.result();
      this.#ended(number, group, null);
    } catch (error) {
      // The rule itself ends: the run goes on, and nobody waits for it here any more.
      if (this.#run.scope.consideredCancelled) return;
      this.#ended(number, group, failureOf(error));
    }
  }

  #ended(number: number, group: string, failure: CodedFailure | null): void {
    this.#state = ended(this.#timing, this.#state, number);
    const error = failure && { code: failure.code, message: failure.message };
    this.#firings.change(number, { state: error ? 'failed' : 'succeeded', error });
    this.#isStirred = true;
    this.#tell({
      type: error ? 'firing_failed' : 'firing_ended',
      level: error ? 'error' : 'info',
      subject: group,
      message: error
        ? `firing ${number} for group "${group}" failed: ${error.code}: ${error.message}`
        : `firing ${number} for group "${group}" has ended`,
      data: { number },
    });
  }

  #result(): EventRuleResult {
    this.#run.step(WATCH).done('deleted');
    return { runId: this.#run.ref.runId, firings: this.#state.firings };
  }

  #tell(event: Pick<NewEventInput, 'type' | 'message' | 'level' | 'subject' | 'data'>): void {
    this.#run.event({ source: 'run', step: WATCH, ...event });
  }
}
