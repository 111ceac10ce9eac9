/**
 * Sends what is due. Each medium has a lane of its own, so one whose provider stalls holds up no other; within a lane
 * what is urgent goes first. A delivery is taken by lease, so any copy of the process may send it and one that dies
 * loses nothing: what it had under way is sent again, under the same id, when its lease has run out.
 */
import type { Db, Tx } from '../../../platform/db'
import type { Patience } from '../../../platform/queue/patience'
import type { Runtime } from '../../../platform/runtime'
import type { Medium } from '../channels/channel'
import type { Delivering } from './delivering'
import type { Providers } from './providers'
import { LANE } from './states'
import { LEASE_MS, type Taken, type Taking } from './taking'
import type { Tracks } from './tracks'

export interface Dispatcher {
  start(): void
  /** Takes no more, and waits for what is under way. */
  stop(): Promise<void>
  /** Something may be due: called in the unit that puts it in. */
  wake(tx: Tx): void
  /** Sends everything that is due now and can go, and what comes due by it; for tests and for shutting down. */
  drain(): Promise<void>
  /** Begins the next step wherever one has waited long enough; answers how often. */
  fallBackDue(): Promise<number>
}

export interface DispatcherParts {
  providers: Providers
  tracks: Tracks
  taking: Taking
  delivering: Delivering
  patience: Patience
}

const POLL_MS = 1_000
const TAKE_AT_ONCE = 64
/** Of what is only noted: few, because whoever writes meanwhile waits for it. */
const IN_ONE_UNIT = 20
const AT_ONE_LOOK = 200
/** On PostgreSQL nobody says when a transaction has ended. */
const NUDGE_MS = 10

export function createDispatcher(
  { store, clock, log, metrics }: Runtime,
  { providers, tracks, taking, delivering, patience }: DispatcherParts,
): Dispatcher {
  const pumping = new Map<Medium, Promise<void>>()
  const again = new Set<Medium>()
  const underWay = new Set<Promise<void>>()
  /** Deliveries that are under way here. */
  const held = new Set<string>()
  const performing = new Map<string, number>()
  let renewedAt = 0
  let poll: ReturnType<typeof setInterval> | undefined
  let nudge: ReturnType<typeof setTimeout> | undefined
  let looking: Promise<void> | undefined
  let stopped = true

  /** `hurry`: whoever drains waits for everything, so nothing rests. */
  async function take(medium: Medium, hurry: boolean): Promise<Taken[]> {
    const capacity = Math.min(TAKE_AT_ONCE, providers.capacity(medium))
    const room = capacity - (performing.get(medium) ?? 0)
    if (room <= 0) return []
    // Taken by the half, a commit is shared by many; what is urgent takes whatever place there is.
    const lanes = hurry ? [LANE.urgent, LANE.normal] : room * 2 < capacity ? [LANE.urgent] : lanesOf(medium)
    return taking.take(medium, lanes, room, held)
  }

  /** What is not urgent rests after each batch while people wait for answers. */
  const lanesOf = (medium: Medium): readonly number[] =>
    patience.rests(medium, () => pump(medium)) ? [LANE.urgent] : [LANE.urgent, LANE.normal]

  async function perform(taken: Taken): Promise<void> {
    const { id, medium, lane } = taken.delivery
    performing.set(medium, (performing.get(medium) ?? 0) + 1)
    if (lane === LANE.normal) patience.began(medium)
    try {
      await delivering.deliver(taken, held)
    } catch (error) {
      // The lease runs out by itself, so it is taken again.
      metrics.messages.inc({ channel: medium, outcome: 'broken' })
      log.error({ delivery: id, error }, 'a delivery broke off')
    } finally {
      held.delete(id)
      performing.set(medium, (performing.get(medium) ?? 1) - 1)
      if (lane === LANE.normal) patience.ended(medium)
    }
  }

  async function pumpOnce(medium: Medium, hurry = false): Promise<number> {
    const taken = await take(medium, hurry)
    for (const each of taken) {
      held.add(each.delivery.id)
      const work = perform(each)
      underWay.add(work)
      void work.finally(() => {
        underWay.delete(work)
        if (!stopped) pump(medium)
      })
    }
    return taken.length
  }

  /** One taker a lane; who comes meanwhile makes it look once more. */
  function pump(medium: Medium): void {
    again.add(medium)
    if (pumping.has(medium)) return
    const work = (async () => {
      try {
        while (again.delete(medium) && !stopped) {
          // Whatever ends in the same turn is refilled together.
          await new Promise<void>((resolve) => setImmediate(resolve))
          await pumpOnce(medium)
        }
      } catch (error) {
        log.error({ medium, error }, 'deliveries could not be taken')
      } finally {
        pumping.delete(medium)
      }
    })()
    pumping.set(medium, work)
  }

  function pumpAll(): void {
    for (const medium of providers.media()) pump(medium)
  }

  async function fallBackDue(): Promise<number> {
    const ids = await taking.fallingBack(store.read)
    // Requests that write go between.
    for (let i = 0; i < ids.length; i += IN_ONE_UNIT) {
      await store.write(async (tx) => {
        for (const id of ids.slice(i, i + IN_ONE_UNIT)) await tracks.fallBack(tx, id)
      })
    }
    return ids.length
  }

  /** Ends deliveries that are not sent at all; answers how many. */
  async function endAll(
    which: (db: Db, limit: number) => Promise<Taken[]>,
    state: 'expired' | 'skipped',
    reason: string,
  ): Promise<number> {
    let ended = 0
    while (ended < AT_ONE_LOOK && (await which(store.read, 1)).length > 0) {
      const batch = await store.write(async (tx) => {
        const rows = await which(tx, IN_ONE_UNIT)
        for (const each of rows) await tracks.end(tx, each, { state, reason })
        return rows.length
      })
      if (batch === 0) break
      ended += batch
    }
    return ended
  }

  /** What is over is over, also while nothing of its medium is sent. */
  const expireDue = () => endAll(taking.over, 'expired', 'too late')

  /** A channel that was taken away sends nothing more, not even when it comes back in a year. */
  const skipStranded = () =>
    endAll((db, limit) => taking.stranded(db, providers.media(), limit), 'skipped', 'channel is off')

  async function renew(): Promise<void> {
    // Seldom, because few messages are under way for so long; and at once after a jump of the clock.
    if (held.size === 0 || Math.abs(clock() - renewedAt) < LEASE_MS / 3) return
    renewedAt = clock()
    await taking.renew(held)
  }

  async function look(): Promise<void> {
    try {
      await renew()
      await expireDue()
      await fallBackDue()
    } catch (error) {
      log.error({ error }, 'steps that are due could not be begun')
    }
    if (!stopped) pumpAll()
  }

  async function begin(): Promise<void> {
    try {
      await taking.release()
      while ((await skipStranded()) > 0);
    } catch (error) {
      log.error({ error }, 'deliveries of before could not be looked through; their leases run out by themselves')
    }
    await look()
  }

  return {
    start() {
      stopped = false
      const lookAlone = (first: () => Promise<void>) => {
        // One that takes long takes the place of the next.
        looking ??= first().finally(() => {
          looking = undefined
        })
      }
      poll = setInterval(() => lookAlone(look), POLL_MS)
      lookAlone(begin)
    },
    async stop() {
      stopped = true
      clearInterval(poll)
      clearTimeout(nudge)
      nudge = undefined
      await looking
      await Promise.allSettled([...pumping.values(), ...underWay])
      await Promise.allSettled([...underWay])
      patience.end()
    },
    wake(tx) {
      if (stopped) return
      if (store.engine === 'sqlite') return store.afterwards(tx, pumpAll)
      nudge ??= setTimeout(() => {
        nudge = undefined
        pumpAll()
      }, NUDGE_MS)
    },
    fallBackDue,
    async drain() {
      for (;;) {
        await Promise.allSettled([...pumping.values(), ...underWay])
        let begun = (await expireDue()) + (await fallBackDue())
        for (const medium of providers.media()) begun += await pumpOnce(medium, true)
        await Promise.allSettled([...underWay])
        if (begun === 0) return
      }
    },
  }
}
