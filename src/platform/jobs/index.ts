/**
 * Work by the clock: schedules (see `schedules.ts`), and one-off jobs, which are kept in the queue until they are done.
 */
import type { Tx, Unit } from '../db'
import type { Queue } from '../queue'
import type { Result } from '../result'
import type { Runtime } from '../runtime'
import { reportSchedules, type ScheduleReport } from './report'
import { type BeginCode, type Begun, createSchedules, type Schedule } from './schedules'
import type { ScheduleTiming } from './turn'

export { reportSchedules, type ScheduleReport } from './report'
export type { Schedule } from './schedules'

export interface Job<Payload> {
  name: string
  attempts: number
  /** How many of this name a copy does at once; see `Worker`. */
  concurrency?: number
  run(payload: Payload, attempt: number): Promise<Unit<void> | undefined>
}

export interface EnqueueOptions {
  dueAt?: number
  /** Jobs of this name with this key are done in the order they came. */
  orderingKey?: string
  /** While a job of this name with this key waits, a second one does nothing. */
  uniqueKey?: string
}

export interface Jobs {
  schedule(schedule: Schedule): void
  define<Payload>(job: Job<Payload>): (tx: Tx, payload: Payload, options?: EnqueueOptions) => Promise<void>
  start(): void
  /** Begins nothing more, and waits for the runs that are under way. */
  stop(): Promise<void>
  /** Does what is due now, and waits for it; the timer of a started process does this each second, and waits for nothing. */
  check(): Promise<void>
  /** Begins a run now, whatever the pattern says; it does not count as one of the moments at which it is due. */
  begin(name: string): Promise<Result<Begun, BeginCode>>
  /** Runs a schedule now and waits for it, after one that is under way here. Throws what the run throws. */
  runNow(name: string): Promise<void>
  schedules(): ScheduleTiming[]
  report(): Promise<ScheduleReport[]>
}

export function createJobs(runtime: Runtime, queue: Queue): Jobs {
  const schedules = createSchedules(runtime)
  const { store, clock } = runtime

  return {
    schedule: schedules.add,
    define({ name, run, ...limits }) {
      const kind = `job:${name}`
      queue.add({ kind, ...limits, run: ({ payload, attempt }) => run(payload as never, attempt) })
      return (tx, payload, options = {}) => queue.put(tx, { kind, payload, ...options })
    },
    start: schedules.start,
    stop: schedules.stop,
    check: schedules.check,
    begin: schedules.begin,
    async runNow(name) {
      await schedules.idle(name)
      const begun = await schedules.begin(name)
      if (!begun.ok) throw new Error(`The schedule "${name}" cannot be run now: ${begun.code}.`)
      const failure = await begun.value.ended
      if (failure) throw failure
    },
    schedules: schedules.all,
    report: () => reportSchedules(store.read, schedules.all(), clock()),
  }
}
