/**
 * The durable queue under events and jobs. A piece of work is a row written in the transaction of whatever caused it;
 * it is taken by lease, so any copy of the process may do it and a copy that dies loses nothing; it is removed in the
 * same transaction as its effect, so an effect in the database happens once. Work of one kind with one ordering key is
 * done in the order it came. A failure is tried again after a growing pause; the last one leaves it as dead, to be
 * looked at and replayed. Each kind has places of its own, so what is slow holds up only its like.
 */
import { like } from 'drizzle-orm'
import type { Tx } from '../db'
import type { Runtime } from '../runtime'
import { createPatience } from './patience'
import { countWork, type DeadWork, deadWork, type KindReport, reportKinds } from './report'
import { type DueWork, leaseWork, lockWork, lookForWork, putWork, releaseLeases, reviveWork } from './rows'
import { work } from './schema'
import { noTraffic, type Traffic } from './traffic'
import { createWorkers, LEASE_MS, type Worker } from './workers'

export { type KindReport, reportKinds } from './report'
export { HopelessError, type TakenWork, type Worker } from './workers'

export interface Work {
  kind: string
  payload: unknown
  orderingKey?: string
  /** While work of this kind with this key waits, putting it in again does nothing. */
  uniqueKey?: string
  dueAt?: number
}

/** Where work comes from that was not put in yet. */
export interface Source {
  name: string
  /** See `Worker.patient`. */
  patient: boolean
  /** Puts some of it in; answers how much, 0 if there is none. */
  pull(): Promise<number>
}

export interface Queue {
  add(worker: Worker): void
  draw(source: Source): void
  /** There may be something to pull, soon after the transaction that called this. */
  wake(): void
  put(tx: Tx, item: Work): Promise<void>
  /** Does everything that is due now, and what comes due by doing it; for tests and for shutting down. */
  drain(): Promise<void>
  start(): void
  /** Stops taking work and waits for what is under way. */
  stop(): Promise<void>
  /** Newest first; `before`: those with a smaller id. */
  dead(limit: number, before?: number): Promise<DeadWork[]>
  /** Puts dead work back with its tries reset; answers whether it was there. */
  replay(id: number, noted?: (tx: Tx) => Promise<void>): Promise<boolean>
  counts(): Promise<{ waiting: number; dead: number }>
  /** The same for each kind, and more. */
  report(): Promise<KindReport[]>
  /** What all work, waiting or dead, whose kind begins so carries. */
  payloads(kindPrefix: string): Promise<unknown[]>
}

const POLL_MS = 1_000
const NUDGE_MS = 10

export function createQueue(runtime: Runtime, traffic: Traffic = noTraffic): Queue {
  const { store, clock, log } = runtime
  const patience = createPatience(traffic)
  const workers = createWorkers(runtime, patience, (kind) => {
    if (stopped) return
    touched.add(kind)
    takeTouched()
  })
  const sources: Source[] = []
  /** Whether a source may have something. */
  let fresh = false
  /** Kinds of which something may be due that has not been looked for. */
  const touched = new Set<string>()
  let poll: ReturnType<typeof setInterval> | undefined
  let nudge: ReturnType<typeof setTimeout> | undefined
  let taking: Promise<void> | undefined
  /** One take after another: two at once would fill the same places twice. */
  let lane: Promise<unknown> = Promise.resolve()
  let stopped = true
  /** Whoever drains waits for everything, so nothing rests. */
  let draining = 0

  async function put(tx: Tx, { kind, payload, orderingKey, uniqueKey, dueAt }: Work): Promise<void> {
    const now = clock()
    putWork(tx, {
      kind,
      payload,
      orderingKey: orderingKey ?? null,
      uniqueKey: uniqueKey ?? null,
      dueAt: dueAt ?? now,
      now,
    })
    wake(kind)
  }

  /** Soon after the transaction that called this; should it end later, the next poll finds its work. */
  function wake(kind?: string): void {
    if (stopped) return
    if (kind === undefined) fresh = true
    else touched.add(kind)
    nudge ??= setTimeout(() => {
      nudge = undefined
      takeTouched()
    }, NUDGE_MS)
  }

  function takeTouched(): void {
    if (stopped || (touched.size === 0 && !fresh)) return
    taking ??= untilNoneIsTouched().finally(() => {
      taking = undefined
      // Something may have been touched since the last look.
      takeTouched()
    })
  }

  async function untilNoneIsTouched(): Promise<void> {
    try {
      while ((touched.size > 0 || fresh) && !stopped) {
        // Whatever else ends in this turn of the event loop makes its place free first.
        await new Promise<void>((resolve) => setImmediate(resolve))
        if (fresh) await pull()
        const kinds = [...touched]
        touched.clear()
        await take(kinds)
      }
    } catch (error) {
      log.error({ error }, 'work could not be taken')
    }
  }

  /** Once from each source that does not rest; answers how much came. */
  async function pull(): Promise<number> {
    fresh = false
    let total = 0
    for (const { name, patient, pull: pullOne } of sources) {
      if (rests(name, patient, wake)) continue
      patience.began(name)
      const pulled = await pullOne().finally(() => patience.ended(name))
      // Where there was something there may be more.
      if (pulled > 0) fresh = true
      total += pulled
    }
    return total
  }

  /** Begins what is due of these kinds, as far as there are places; answers how much. */
  function take(kinds: readonly string[]): Promise<number> {
    const turn = lane.then(() => takeNow(kinds))
    lane = turn.catch(() => undefined)
    return turn
  }

  async function takeNow(kinds: readonly string[]): Promise<number> {
    const now = clock()
    const wanted = kinds
      .filter((kind) => !rests(kind, workers.isPatient(kind), () => wake(kind)))
      .map(workers.placesOf)
      .filter(({ free }) => free > 0)
    const looks = await Promise.all(wanted.map(({ kind }) => lookForWork(store.read, { kind, now, limit: 1 })))
    const found = wanted.filter((_, i) => (looks[i]?.length ?? 0) > 0)
    if (found.length === 0) return 0
    const leaseUntil = now + LEASE_MS
    const taken = await store.write(async (tx) => {
      const rows: DueWork[] = []
      for (const { kind, free, used } of found) {
        // After a jump of the clock what is under way here looks as if its lease had run out.
        const due = await lockWork(tx, { kind, now, limit: free + used })
        rows.push(...due.filter(({ id }) => !workers.underWay.has(id)).slice(0, free))
      }
      await leaseWork(
        tx,
        rows.map(({ id }) => id),
        leaseUntil,
      )
      return rows
    })
    for (const row of taken) workers.begin(row, leaseUntil)
    return taken.length
  }

  /** Whether others go first now; it is looked at again when the rest is over. */
  const rests = (name: string, patient: boolean, again: () => void) =>
    patient && draining === 0 && patience.rests(name, again)

  function lookAround(): void {
    fresh = true
    for (const kind of workers.kinds()) touched.add(kind)
    takeTouched()
    void workers.renew()
  }

  /** Only one process has an SQLite file, so what is leased there at the start is leased to a process that is gone. */
  async function release(): Promise<void> {
    if (store.engine !== 'sqlite') return
    await store
      .write((tx) => releaseLeases(tx, [...workers.underWay.keys()]))
      .catch((error) => log.error({ error }, 'work of a process that is gone could not be given free'))
  }

  return {
    add: workers.add,
    draw(source) {
      sources.push(source)
    },
    wake: () => wake(),
    put,
    async drain() {
      draining += 1
      try {
        for (;;) {
          const endedBefore = workers.endings()
          const begun = (await pull()) + (await take(workers.kinds()))
          // What ended while it was looked for may have caused more.
          if (begun > 0 || workers.endings() !== endedBefore) continue
          if (workers.underWay.size === 0) return
          await Promise.race([...workers.underWay.values()].map(({ ended }) => ended))
        }
      } finally {
        draining -= 1
      }
    },
    start() {
      stopped = false
      lane = lane.then(release)
      poll = setInterval(lookAround, POLL_MS)
      lookAround()
    },
    async stop() {
      stopped = true
      clearInterval(poll)
      clearTimeout(nudge)
      nudge = undefined
      await taking
      await lane
      await Promise.all([...workers.underWay.values()].map(({ ended }) => ended))
      // A look that was under way may have begun a rest.
      patience.end()
    },
    dead: (limit, before) => deadWork(store.read, limit, before),
    async replay(id, noted) {
      const kind = await store.write(async (tx) => {
        const revived = await reviveWork(tx, id, clock())
        if (revived !== undefined) await noted?.(tx)
        return revived
      })
      if (kind !== undefined) wake(kind)
      return kind !== undefined
    },
    counts: () => countWork(store.read),
    report: () => reportKinds(store.read, clock()),
    async payloads(kindPrefix) {
      const rows = await store.read
        .select({ payload: work.payload })
        .from(work)
        .where(like(work.kind, `${kindPrefix}%`))
      return rows.map(({ payload }) => payload)
    },
  }
}
