/**
 * The durable queue under events and jobs. A piece of work is a row written in the transaction of whatever caused it;
 * it is taken by lease, so any copy of the process may do it and a copy that dies loses nothing; it is removed in the
 * same transaction as its effect, so an effect in the database happens once. Work of one kind with one ordering key is
 * done in the order it came. A failure is tried again after a growing pause; the last one leaves it as dead, to be
 * looked at and replayed.
 */
import { aliasedTable, and, asc, desc, eq, inArray, like, lt, lte, notExists, sql } from 'drizzle-orm'
import type { Db, Tx, Unit } from '../db'
import { count, forUpdate } from '../db/dialect'
import type { Runtime } from '../runtime'
import { work } from './schema'

export interface Work {
  kind: string
  payload: unknown
  orderingKey?: string
  /** While work of this kind with this key waits, putting it in again does nothing. */
  uniqueKey?: string
  dueAt?: number
}

export interface TakenWork {
  id: number
  payload: unknown
  /** 1 at the first try. */
  attempt: number
}

export interface Worker {
  kind: string
  /** Tries before the work is dead. */
  attempts: number
  /**
   * Does the work. Effects outside the database happen here, at least once; the unit that it answers runs in the
   * transaction that removes the work, once.
   */
  run(work: TakenWork): Promise<Unit<void> | undefined>
}

export interface DeadWork {
  id: number
  kind: string
  payload: unknown
  attempts: number
  lastError: string | null
  createdAt: number
}

export interface Queue {
  add(worker: Worker): void
  put(tx: Tx, item: Work): Promise<void>
  /** Does everything that is due now, and what comes due by doing it; for tests and for shutting down. */
  drain(): Promise<void>
  start(): void
  /** Stops taking work and waits for what is under way. */
  stop(): Promise<void>
  dead(limit: number): Promise<DeadWork[]>
  /** Puts dead work back with its tries reset; answers whether it was there. */
  replay(id: number): Promise<boolean>
  counts(): Promise<{ waiting: number; dead: number }>
  /** What all work, waiting or dead, whose kind begins so carries. */
  payloads(kindPrefix: string): Promise<unknown[]>
}

/** Work that cannot succeed by being tried again. */
export class HopelessError extends Error {
  override name = 'HopelessError'
}

const TAKE_LIMIT = 32
const LEASE_MS = 60_000
const POLL_MS = 1_000
const NUDGE_MS = 10
const PAUSE_START_MS = 1_000
const PAUSE_LIMIT_MS = 15 * 60_000

export function createQueue({ store, clock, random, log, metrics }: Runtime): Queue {
  const workers = new Map<string, Worker>()
  let poll: ReturnType<typeof setInterval> | undefined
  let nudge: ReturnType<typeof setTimeout> | undefined
  let round: Promise<number> | undefined
  let stopped = true

  async function put(tx: Tx, { kind, payload, orderingKey, uniqueKey, dueAt }: Work): Promise<void> {
    const now = clock()
    await tx
      .insert(work)
      .values({
        kind,
        payload,
        orderingKey: orderingKey ?? null,
        uniqueKey: uniqueKey ?? null,
        state: 'waiting',
        attempts: 0,
        dueAt: dueAt ?? now,
        leaseUntil: 0,
        lastError: null,
        createdAt: now,
      })
      .onConflictDoNothing()
    wake()
  }

  /** Soon after the transaction that called this; should it end later, the next poll finds its work. */
  function wake(): void {
    if (stopped || nudge) return
    nudge = setTimeout(() => {
      nudge = undefined
      void rounds()
    }, NUDGE_MS)
  }

  const dueNow = (db: Db, now: number) => {
    const earlier = aliasedTable(work, 'earlier')
    return db
      .select({ id: work.id, kind: work.kind, payload: work.payload, attempts: work.attempts })
      .from(work)
      .where(
        and(
          eq(work.state, 'waiting'),
          lte(work.dueAt, now),
          lte(work.leaseUntil, now),
          inArray(work.kind, [...workers.keys()]),
          notExists(
            db
              .select({ one: sql`1` })
              .from(earlier)
              .where(
                and(
                  eq(earlier.kind, work.kind),
                  eq(earlier.orderingKey, work.orderingKey),
                  lt(earlier.id, work.id),
                  eq(earlier.state, 'waiting'),
                ),
              ),
          ),
        ),
      )
      .orderBy(asc(work.dueAt), asc(work.id))
      .limit(TAKE_LIMIT)
  }

  async function take(): Promise<Array<TakenWork & { kind: string }>> {
    if (workers.size === 0) return []
    const now = clock()
    if ((await dueNow(store.read, now)).length === 0) return []
    return store.write(async (tx) => {
      const rows = await forUpdate(dueNow(tx, now), 'skip locked')
      if (rows.length === 0) return []
      await tx
        .update(work)
        .set({ leaseUntil: now + LEASE_MS, attempts: sql`${work.attempts} + 1` })
        .where(
          inArray(
            work.id,
            rows.map(({ id }) => id),
          ),
        )
      return rows.map(({ id, kind, payload, attempts }) => ({ id, kind, payload, attempt: attempts + 1 }))
    })
  }

  async function perform(taken: TakenWork & { kind: string }): Promise<void> {
    const worker = workers.get(taken.kind)
    if (!worker) return
    try {
      const effect = await worker.run(taken)
      await store.write(async (tx) => {
        const mine = await tx.delete(work).where(eq(work.id, taken.id)).returning({ id: work.id })
        if (mine.length > 0) await effect?.(tx)
      })
      metrics.work.inc({ kind: taken.kind, outcome: 'done' })
    } catch (error) {
      await failed(taken, worker, error)
    }
  }

  async function failed(taken: TakenWork & { kind: string }, worker: Worker, error: unknown): Promise<void> {
    const hopeless = error instanceof HopelessError || taken.attempt >= worker.attempts
    const message = (error instanceof Error ? error.message : String(error)).slice(0, 500)
    // Dead work waits for a person, and must not keep the same work from being put in anew.
    const next = hopeless ? { state: 'dead', uniqueKey: null } : { dueAt: clock() + pauseAfter(taken.attempt) }
    metrics.work.inc({ kind: taken.kind, outcome: hopeless ? 'dead' : 'failed' })
    log[hopeless ? 'error' : 'warn']({ work: taken.id, kind: taken.kind, attempt: taken.attempt, error }, 'work failed')
    try {
      await store.write(async (tx) => {
        await tx
          .update(work)
          .set({ ...next, leaseUntil: 0, lastError: message })
          // Whoever took it since, because the lease had run out, says how it ended.
          .where(and(eq(work.id, taken.id), eq(work.attempts, taken.attempt)))
      })
    } catch (storeError) {
      // The lease runs out by itself, so the work is taken again.
      log.error({ work: taken.id, error: storeError }, 'the failure of work could not be noted')
    }
  }

  /** Doubles with each try, and is spread over half its length so that failures do not come back together. */
  function pauseAfter(attempt: number): number {
    const whole = Math.min(PAUSE_LIMIT_MS, PAUSE_START_MS * 2 ** (attempt - 1))
    const spread = (random(1)[0] ?? 0) / 255
    return Math.round(whole / 2 + (whole / 2) * spread)
  }

  /** One round takes what is due and does it; rounds go on while they find something. */
  async function oneRound(): Promise<number> {
    const taken = await take()
    await Promise.all(taken.map(perform))
    return taken.length
  }

  function rounds(): Promise<number> {
    round ??= (async () => {
      let total = 0
      try {
        for (let done = await oneRound(); done > 0; done = stopped ? 0 : await oneRound()) total += done
      } catch (error) {
        log.error({ error }, 'work could not be taken')
      } finally {
        round = undefined
      }
      return total
    })()
    return round
  }

  return {
    add(worker) {
      if (workers.has(worker.kind)) throw new Error(`There is a worker for ${worker.kind} already.`)
      workers.set(worker.kind, worker)
    },
    put,
    async drain() {
      await round
      while ((await oneRound()) > 0);
    },
    start() {
      stopped = false
      poll = setInterval(() => void rounds(), POLL_MS)
      void rounds()
    },
    async stop() {
      stopped = true
      clearInterval(poll)
      clearTimeout(nudge)
      nudge = undefined
      await round
    },
    dead: (limit) =>
      store.read
        .select({
          id: work.id,
          kind: work.kind,
          payload: work.payload,
          attempts: work.attempts,
          lastError: work.lastError,
          createdAt: work.createdAt,
        })
        .from(work)
        .where(eq(work.state, 'dead'))
        .orderBy(desc(work.id))
        .limit(limit),
    async replay(id) {
      const replayed = await store.write((tx) =>
        tx
          .update(work)
          .set({ state: 'waiting', attempts: 0, dueAt: clock(), leaseUntil: 0 })
          .where(and(eq(work.id, id), eq(work.state, 'dead')))
          .returning({ id: work.id }),
      )
      wake()
      return replayed.length > 0
    },
    async payloads(kindPrefix) {
      const rows = await store.read
        .select({ payload: work.payload })
        .from(work)
        .where(like(work.kind, `${kindPrefix}%`))
      return rows.map(({ payload }) => payload)
    },
    async counts() {
      const rows = await store.read.select({ state: work.state, n: count() }).from(work).groupBy(work.state)
      const of = (state: string) => rows.find((row) => row.state === state)?.n ?? 0
      return { waiting: of('waiting'), dead: of('dead') }
    },
  }
}
