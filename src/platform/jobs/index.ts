/**
 * Work by the clock: schedules (croner patterns) and durable one-off jobs. A schedule's turn is claimed in the
 * database, so several copies run it once; one that was missed while the process was down is made up for at the next
 * start if it asks for that.
 */
import { Cron } from 'croner'
import { eq } from 'drizzle-orm'
import type { Tx, Unit } from '../db'
import { forUpdate } from '../db/dialect'
import type { Queue } from '../queue'
import type { Runtime } from '../runtime'
import { scheduleRuns } from './schema'

export interface Schedule {
  name: string
  /** A cron pattern, with seconds if it has six parts; UTC. */
  pattern: string
  /** Run at the start of the process if a turn was missed. */
  catchUp?: boolean
  run(): Promise<void>
}

export interface Job<Payload> {
  name: string
  attempts: number
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
  stop(): Promise<void>
  /** Runs a schedule now, whatever its pattern says. */
  runNow(name: string): Promise<void>
  schedules(): Array<{ name: string; pattern: string; nextAt: number | undefined }>
}

export function createJobs({ store, clock, log, metrics }: Runtime, queue: Queue): Jobs {
  const schedules = new Map<string, Schedule>()
  const timers = new Map<string, Cron>()
  const running = new Set<Promise<void>>()

  /** Takes this turn for this copy; false if another copy has begun it. */
  async function claim({ name, pattern }: Schedule): Promise<boolean> {
    const now = clock()
    const gap = gapOf(pattern)
    return store.write(async (tx) => {
      const [last] = await forUpdate(tx.select().from(scheduleRuns).where(eq(scheduleRuns.name, name)))
      if (last && now - last.startedAt < gap / 2) return false
      await tx
        .insert(scheduleRuns)
        .values({ name, startedAt: now })
        .onConflictDoUpdate({ target: scheduleRuns.name, set: { startedAt: now } })
      return true
    })
  }

  async function turn(schedule: Schedule): Promise<void> {
    try {
      if (!(await claim(schedule))) return
      await schedule.run()
      metrics.work.inc({ kind: `schedule:${schedule.name}`, outcome: 'done' })
    } catch (error) {
      metrics.work.inc({ kind: `schedule:${schedule.name}`, outcome: 'failed' })
      log.error({ schedule: schedule.name, error }, 'a schedule failed; it runs again at its next turn')
    }
  }

  function track(work: Promise<void>): void {
    running.add(work)
    void work.finally(() => running.delete(work))
  }

  async function catchUp(schedule: Schedule): Promise<void> {
    const [last] = await store.read.select().from(scheduleRuns).where(eq(scheduleRuns.name, schedule.name))
    if (last && clock() - last.startedAt > gapOf(schedule.pattern)) await turn(schedule)
  }

  return {
    schedule(schedule) {
      schedules.set(schedule.name, schedule)
    },
    define({ name, attempts, run }) {
      const kind = `job:${name}`
      queue.add({ kind, attempts, run: ({ payload, attempt }) => run(payload as never, attempt) })
      return (tx, payload, options = {}) => queue.put(tx, { kind, payload, ...options })
    },
    start() {
      for (const schedule of schedules.values()) {
        timers.set(
          schedule.name,
          new Cron(schedule.pattern, { utcOffset: 0, protect: true }, () => {
            const work = turn(schedule)
            track(work)
            return work
          }),
        )
        if (schedule.catchUp) track(catchUp(schedule).catch((error) => log.error({ error }, 'catching up failed')))
      }
    },
    async stop() {
      for (const timer of timers.values()) timer.stop()
      timers.clear()
      await Promise.allSettled(running)
    },
    async runNow(name) {
      const schedule = schedules.get(name)
      if (!schedule) throw new Error(`There is no schedule "${name}".`)
      await schedule.run()
    },
    schedules: () =>
      [...schedules.values()].map(({ name, pattern }) => ({
        name,
        pattern,
        nextAt: timers.get(name)?.nextRun()?.getTime(),
      })),
  }
}

const gaps = new Map<string, number>()

/** Milliseconds between two turns; worked out once a pattern, because counting the calendar is slow. */
function gapOf(pattern: string): number {
  const known = gaps.get(pattern)
  if (known !== undefined) return known
  const [first, second] = new Cron(pattern, { utcOffset: 0 }).nextRuns(2)
  const gap = first && second ? second.getTime() - first.getTime() : 0
  gaps.set(pattern, gap)
  return gap
}
