/** Who does the work of a queue: what each has under way, what becomes of it, and that it is still alive. */
import type { Unit } from '../db'
import type { Runtime } from '../runtime'
import { backoff } from './backoff'
import type { Patience } from './patience'
import { type DueWork, endWork, failWork, renewLeases } from './rows'

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
  /** How much work of this kind a copy does at once; 16 if it does not say. */
  concurrency?: number
  /** Nobody waits for it: while there is traffic it takes a tenth of the time. */
  patient?: boolean
  /**
   * Does the work. Effects outside the database happen here, at least once; the unit that it answers runs in the
   * transaction that removes the work, once.
   */
  run(work: TakenWork): Promise<Unit<void> | undefined>
}

/** Work that cannot succeed by being tried again. */
export class HopelessError extends Error {
  override name = 'HopelessError'
}

export interface Workers {
  add(worker: Worker): void
  kinds(): string[]
  isPatient(kind: string): boolean
  placesOf(kind: string): { kind: string; free: number; used: number }
  begin(row: DueWork, leaseUntil: number): void
  /** The work that is under way here, by id. */
  underWay: ReadonlyMap<number, { ended: Promise<void> }>
  /** How much work has ended here. */
  endings(): number
  /** What takes longer than its lease says that it is still alive, so that no other copy begins beside it. */
  renew(): Promise<void>
}

interface UnderWay {
  kind: string
  leaseUntil: number
  ended: Promise<void>
}

export const LEASE_MS = 60_000
const CONCURRENCY = 16
const PAUSE_START_MS = 1_000
const PAUSE_LIMIT_MS = 15 * 60_000
const ERROR_LENGTH = 500

/** `ended`: a place of this kind is free again. */
export function createWorkers(
  { store, clock, random, log, metrics }: Runtime,
  patience: Patience,
  ended: (kind: string) => void,
): Workers {
  const workers = new Map<string, Worker>()
  const underWay = new Map<number, UnderWay>()
  let endings = 0

  async function perform(kind: string, taken: TakenWork): Promise<void> {
    const worker = workers.get(kind)
    if (!worker) return
    try {
      const effect = await worker.run(taken)
      await store.write((tx) => endWork(tx, taken.id, effect))
      metrics.work.inc({ kind, outcome: 'done' })
    } catch (error) {
      await failed(worker, taken, error)
    }
  }

  async function failed({ kind, attempts }: Worker, { id, attempt }: TakenWork, error: unknown): Promise<void> {
    const hopeless = error instanceof HopelessError || attempt >= attempts
    const lastError = (error instanceof Error ? error.message : String(error)).slice(0, ERROR_LENGTH)
    metrics.work.inc({ kind, outcome: hopeless ? 'dead' : 'failed' })
    log[hopeless ? 'error' : 'warn']({ work: id, kind, attempt, error }, 'work failed')
    try {
      const pauseMs = backoff(attempt, { firstMs: PAUSE_START_MS, longestMs: PAUSE_LIMIT_MS, random })
      const next = hopeless
        ? ({ lastError, state: 'dead', uniqueKey: null } as const)
        : { lastError, dueAt: clock() + pauseMs }
      await store.write((tx) => failWork(tx, id, attempt, next))
    } catch (storeError) {
      // The lease runs out by itself, so the work is taken again.
      log.error({ work: id, error: storeError }, 'the failure of work could not be noted')
    }
  }

  return {
    underWay,
    endings: () => endings,
    add(worker) {
      if (workers.has(worker.kind)) throw new Error(`There is a worker for ${worker.kind} already.`)
      workers.set(worker.kind, worker)
    },
    kinds: () => [...workers.keys()],
    isPatient: (kind) => workers.get(kind)?.patient ?? false,
    placesOf(kind) {
      const worker = workers.get(kind)
      let used = 0
      for (const each of underWay.values()) if (each.kind === kind) used += 1
      return { kind, used, free: worker ? (worker.concurrency ?? CONCURRENCY) - used : 0 }
    },
    begin({ id, kind, payload, attempts }, leaseUntil) {
      patience.began(kind)
      const work = perform(kind, { id, payload, attempt: attempts + 1 }).finally(() => {
        patience.ended(kind)
        underWay.delete(id)
        endings += 1
        ended(kind)
      })
      underWay.set(id, { kind, leaseUntil, ended: work })
    },
    async renew() {
      const now = clock()
      const old = [...underWay].filter(([, { leaseUntil }]) => leaseUntil - now < LEASE_MS / 2)
      if (old.length === 0) return
      const leaseUntil = now + LEASE_MS
      const ids = old.map(([id]) => id)
      try {
        await store.write((tx) => renewLeases(tx, ids, leaseUntil))
        for (const [, each] of old) each.leaseUntil = leaseUntil
      } catch (error) {
        log.warn({ error }, 'leases of work could not be renewed')
      }
    },
  }
}
