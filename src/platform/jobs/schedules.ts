/**
 * Runs schedules. Each run belongs to the moment at which it was due, and is claimed in the database under that moment,
 * so several copies run it once. The timer only wakes the check: what there is to do is worked out from the clock and
 * from what was handled last, so a machine that slept, or whose clock was changed, finds its way back by itself.
 */
import { fail, ok, type Result } from '../result'
import type { Runtime } from '../runtime'
import { nextDue } from './due'
import { createRuns, type RunEnd } from './runs'
import { isFrequent, isHeld, type LastRun, LEASE_MS, type ScheduleTiming, type Turn, turnOf } from './turn'

export interface Schedule extends ScheduleTiming {
  run(): Promise<void>
}

export type BeginCode = 'schedule_not_found' | 'schedule_under_way'

export interface Begun {
  /** Answers when the run has ended: what was wrong if it failed. */
  ended: Promise<Error | undefined>
}

export interface Schedules {
  add(schedule: Schedule): void
  all(): ScheduleTiming[]
  start(): void
  stop(): Promise<void>
  /** Does what is due now; answers when the runs that it began have ended. */
  check(): Promise<void>
  /** Begins a run now, beside the moments at which it is due. */
  begin(name: string): Promise<Result<Begun, BeginCode>>
  /** Ends when the run that this copy is at has ended. */
  idle(name: string): Promise<void>
}

/** What this copy remembers of a schedule, so that it need not ask the database each second. */
interface Entry {
  schedule: Schedule
  /** Nothing is due from the first of these moments to the second. */
  quiet: { from: number; until: number }
  looking: Promise<Begun | undefined> | undefined
  running: { begun: LastRun; ended: Promise<Error | undefined> } | undefined
  /** The end of the last run here, while it is not in the database. */
  unnoted: { begun: LastRun; end: RunEnd } | undefined
}

const SECOND_MS = 1_000
const ERROR_LENGTH = 200

export function createSchedules({ store, clock, log, metrics }: Runtime): Schedules {
  const runs = createRuns(store)
  const entries = new Map<string, Entry>()
  let timer: ReturnType<typeof setTimeout> | undefined
  let ready: Promise<void> = Promise.resolve()

  async function check(): Promise<void> {
    await ready
    await Promise.all([...entries.values()].map(checkOne))
  }

  async function checkOne(entry: Entry): Promise<void> {
    const { schedule, quiet } = entry
    const now = clock()
    if (entry.looking) {
      await entry.looking
      return
    }
    if (entry.running) return keep(entry, now)
    if (now >= quiet.from && now < quiet.until) return
    entry.looking = look(entry, now)
      .catch((error) => {
        log.error({ schedule: schedule.name, error }, 'it could not be seen whether a schedule is due')
        return undefined
      })
      .finally(() => {
        entry.looking = undefined
      })
    const begun = await entry.looking
    await begun?.ended
  }

  async function look(entry: Entry, now: number): Promise<Begun | undefined> {
    const { schedule } = entry
    const seen = await runs.known(schedule.name, now)
    if (!seen) return undefined
    const last = asEnded(entry, seen)
    const turn = turnOf(schedule, last, now)
    if (turn.act === 'wait') {
      entry.quiet = { from: now, until: turn.until }
      return undefined
    }
    if (turn.act === 'run') return claim(entry, seen, turn.dueAt, now)
    const leaseUntil = isHeld(last, now) ? last.leaseUntil : 0
    if (!(await runs.change(schedule.name, seen, { ...last, dueAt: turn.dueAt, leaseUntil }))) return undefined
    entry.unnoted = undefined
    tell(schedule, seen, turn)
    return undefined
  }

  function tell({ name }: Schedule, { dueAt }: LastRun, turn: Turn): void {
    if (turn.act === 'start anew') {
      log.warn({ schedule: name, wasAt: dueAt }, 'the clock was far ahead: the schedule starts anew from now')
    } else {
      log.info({ schedule: name, handled: dueAt }, 'turns of a schedule were missed, and are passed over')
    }
  }

  /** The row as it would be if the end of this copy’s last run had been noted already. */
  function asEnded({ unnoted }: Entry, seen: LastRun): LastRun {
    const mine = unnoted && unnoted.begun.dueAt === seen.dueAt && unnoted.begun.startedAt === seen.startedAt
    return mine ? { ...seen, ...unnoted.end, leaseUntil: 0 } : seen
  }

  /** Takes the run for this copy and begins it; nothing if another copy was quicker. */
  async function claim(entry: Entry, seen: LastRun, dueAt: number, now: number): Promise<Begun | undefined> {
    const begun = { ...asEnded(entry, seen), dueAt, startedAt: now, leaseUntil: now + LEASE_MS }
    if (!(await runs.change(entry.schedule.name, seen, begun))) return undefined
    entry.unnoted = undefined
    const ended = perform(entry, begun)
    entry.running = { begun, ended }
    return { ended }
  }

  async function perform(entry: Entry, begun: LastRun): Promise<Error | undefined> {
    const { schedule } = entry
    const failure = await outcomeOf(schedule)
    const outcome = failure ? 'failed' : 'done'
    metrics.work.inc({ kind: `schedule:${schedule.name}`, outcome })
    if (failure)
      log.error({ schedule: schedule.name, error: failure }, 'a schedule failed; it runs again at its next turn')
    await note(entry, begun, {
      endedAt: clock(),
      outcome,
      error: failure?.message.slice(0, ERROR_LENGTH) ?? null,
    })
    entry.running = undefined
    return failure
  }

  /** One that runs every few seconds and ends as it did before says so when it begins the next time: one write a run. */
  async function note(entry: Entry, begun: LastRun, end: RunEnd): Promise<void> {
    const { schedule } = entry
    const asBefore = end.outcome === begun.outcome && end.error === begun.error
    entry.unnoted = { begun, end }
    if (asBefore && isFrequent(schedule, begun.dueAt)) return
    await noteNow(entry)
  }

  async function noteNow(entry: Entry): Promise<void> {
    const { schedule, unnoted } = entry
    if (!unnoted) return
    try {
      await runs.end(schedule.name, unnoted.begun, unnoted.end)
      entry.unnoted = undefined
    } catch (error) {
      log.error({ schedule: schedule.name, error }, 'the end of a run could not be noted; the next run notes it')
    }
  }

  /** A run that takes long says that it is still alive, so that no other copy begins beside it. */
  async function keep({ schedule, running }: Entry, now: number): Promise<void> {
    if (!running || (isHeld(running.begun, now) && running.begun.leaseUntil - now > LEASE_MS / 2)) return
    try {
      await runs.extend(schedule.name, running.begun, now + LEASE_MS)
      running.begun.leaseUntil = now + LEASE_MS
    } catch (error) {
      log.warn({ schedule: schedule.name, error }, 'it could not be noted that a schedule is still under way')
    }
  }

  /** Just after each full second, on which every moment falls. */
  function wake(): void {
    timer = setTimeout(
      () => {
        void check()
        wake()
      },
      SECOND_MS - (clock() % SECOND_MS),
    )
  }

  /** Only one process has an SQLite file, so whatever is held there at the start is held by nobody. */
  async function release(): Promise<void> {
    if (store.engine !== 'sqlite') return
    await runs.release().catch((error) => log.error({ error }, 'runs of before could not be given free'))
  }

  return {
    add(schedule) {
      if (entries.has(schedule.name)) throw new Error(`There is a schedule "${schedule.name}" already.`)
      // A pattern or a zone that is none is found now, and not at night.
      nextDue(schedule, 0)
      const quiet = { from: 0, until: 0 }
      entries.set(schedule.name, { schedule, quiet, looking: undefined, running: undefined, unnoted: undefined })
    },
    all: () => [...entries.values()].map(({ schedule }) => schedule),
    check,
    start() {
      ready = release()
      void check()
      wake()
    },
    async stop() {
      clearTimeout(timer)
      await ready
      for (const entry of entries.values()) await settle(entry)
    },
    async begin(name) {
      const entry = entries.get(name)
      if (!entry) return fail('schedule_not_found')
      const now = clock()
      const seen = entry.running ? undefined : await runs.known(name, now)
      if (!seen || isHeld(asEnded(entry, seen), now)) return fail('schedule_under_way')
      const begun = await claim(entry, seen, seen.dueAt, now)
      return begun ? ok(begun) : fail('schedule_under_way')
    },
    idle: async (name) => {
      await entries.get(name)?.running?.ended
    },
  }

  async function settle(entry: Entry): Promise<void> {
    await entry.looking
    await entry.running?.ended
    await noteNow(entry)
  }
}

async function outcomeOf(schedule: Schedule): Promise<Error | undefined> {
  try {
    await schedule.run()
    return undefined
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error))
  }
}
