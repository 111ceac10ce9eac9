/** The durable queue: nothing that was put in is lost, and no effect in the database happens twice. */
import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import type { Unit } from '../../src/platform/db'
import { createQueue, HopelessError, type Queue, type TakenWork, type Work } from '../../src/platform/queue'
import type { Runtime } from '../../src/platform/runtime'
import { instance } from '../../src/platform/security/schema'
import { freshDatabase, type TestDatabase } from '../support/database'
import { createTestRuntime, type TestClock, testClock } from '../support/world'

const SECOND_MS = 1_000
const LEASE_MS = 60 * SECOND_MS
const KIND = 'job:test'

let database: TestDatabase
let clock: TestClock
let runtime: Runtime
let queue: Queue

beforeEach(async () => {
  database = await freshDatabase()
  clock = testClock()
  runtime = createTestRuntime(database, clock)
  queue = createQueue(runtime)
})
afterEach(async () => {
  await runtime.store.close()
  await database.drop()
})

type Run = (work: TakenWork) => Promise<Unit<void> | undefined>

/** Adds a worker of the kind that notes what it was given. */
function worker(
  run: Run = async () => undefined,
  { on = queue, kind = KIND, attempts = 3, concurrency = 16 } = {},
): unknown[] {
  const done: unknown[] = []
  on.add({
    kind,
    attempts,
    concurrency,
    run: async (work) => {
      done.push(work.payload)
      return run(work)
    },
  })
  return done
}

const put = (item: Partial<Work> = {}) =>
  runtime.store.write((tx) => queue.put(tx, { kind: KIND, payload: 'something', ...item }))

/** A worker that begins its work and does not end it before it is told to. */
function slow(on: Queue, kind = KIND) {
  let begun: () => void = () => undefined
  let finish: (outcome?: Error) => void = () => undefined
  const hasBegun = new Promise<void>((resolve) => {
    begun = resolve
  })
  const end = new Promise<Error | undefined>((resolve) => {
    finish = resolve
  })
  const noted: string[] = []
  const done = worker(
    async () => {
      begun()
      const failure = await end
      if (failure) throw failure
      return async (tx) => {
        noted.push('effect')
        await tx.insert(instance).values({ name: crypto.randomUUID(), value: '' })
      }
    },
    { on, kind, attempts: 10 },
  )
  return { done, hasBegun, finish: (outcome?: Error) => finish(outcome), noted }
}

const effects = async () => (await runtime.store.read.select().from(instance)).length

describe('work', () => {
  test('is done once, with what it carries, and is then gone', async () => {
    const done = worker()
    await put({ payload: { amount: 5, to: ['a', null] } })
    expect(await queue.counts()).toEqual({ waiting: 1, dead: 0 })
    await queue.drain()
    await queue.drain()
    expect(done).toEqual([{ amount: 5, to: ['a', null] }])
    expect(await queue.counts()).toEqual({ waiting: 0, dead: 0 })
  })

  test('of a unit that failed was never put in', async () => {
    const done = worker()
    const unit = runtime.store.write(async (tx) => {
      await queue.put(tx, { kind: KIND, payload: 'never' })
      throw new Error('undone')
    })
    expect(await unit.catch((error: Error) => error.message)).toBe('undone')
    await queue.drain()
    expect(done).toEqual([])
    expect(await queue.counts()).toEqual({ waiting: 0, dead: 0 })
  })

  test('waits for its moment', async () => {
    const done = worker()
    await put({ dueAt: clock() + 5 * SECOND_MS })
    clock.advance(5 * SECOND_MS - 1)
    await queue.drain()
    expect(done).toEqual([])
    clock.advance(1)
    await queue.drain()
    expect(done).toHaveLength(1)
  })

  test('that nobody here does waits for somebody who does', async () => {
    await put({ kind: 'job:unknown' })
    worker()
    await queue.drain()
    expect(await queue.counts()).toEqual({ waiting: 1, dead: 0 })
    const done = worker(undefined, { kind: 'job:unknown' })
    await queue.drain()
    expect(done).toHaveLength(1)
  })

  test('that is put in by work is done in the same go', async () => {
    const done = worker(async ({ payload }) =>
      payload === 3 ? undefined : (tx) => queue.put(tx, { kind: KIND, payload: Number(payload) + 1 }),
    )
    await put({ payload: 1 })
    await queue.drain()
    expect(done).toEqual([1, 2, 3])
  })

  test('of more than one go is all done', async () => {
    const done = worker()
    await runtime.store.write(async (tx) => {
      for (let i = 0; i < 80; i++) await queue.put(tx, { kind: KIND, payload: i })
    })
    await queue.drain()
    expect(done).toHaveLength(80)
    expect(new Set(done).size).toBe(80)
  })

  test('survives a restart', async () => {
    await put({ payload: 'from before' })
    await runtime.store.close()
    runtime = createTestRuntime(database, clock)
    queue = createQueue(runtime)
    const done = worker()
    await queue.drain()
    expect(done).toEqual(['from before'])
  })

  test('has one worker a kind', () => {
    worker()
    expect(() => worker()).toThrow(KIND)
  })
})

describe('the effect of work', () => {
  const note: Unit<void> = async (tx) => {
    await tx.insert(instance).values({ name: 'noted', value: '' })
  }

  test('is kept together with the end of the work', async () => {
    worker(async () => note)
    await put()
    await queue.drain()
    expect(await effects()).toBe(1)
    expect(await queue.counts()).toEqual({ waiting: 0, dead: 0 })
  })

  test('that fails leaves the work to be done again, and nothing else', async () => {
    worker(async ({ attempt }) => async (tx) => {
      await note(tx)
      if (attempt === 1) throw new Error('after its first half')
    })
    await put()
    await queue.drain()
    expect(await effects()).toBe(0)
    expect(await queue.counts()).toEqual({ waiting: 1, dead: 0 })
    clock.advance(SECOND_MS)
    await queue.drain()
    expect(await effects()).toBe(1)
    expect(await queue.counts()).toEqual({ waiting: 0, dead: 0 })
  })
})

describe('work of one key', () => {
  test('is done in the order in which it came', async () => {
    const done = worker()
    for (const payload of [1, 2, 3, 4]) await put({ payload, orderingKey: 'a' })
    await queue.drain()
    expect(done).toEqual([1, 2, 3, 4])
  })

  test('waits behind one that is to be tried again; other keys do not', async () => {
    const done = worker(async ({ payload, attempt }) => {
      if (payload === 'a1' && attempt === 1) throw new Error('not yet')
      return undefined
    })
    for (const payload of ['a1', 'a2', 'b1']) await put({ payload, orderingKey: payload[0] as string })
    await queue.drain()
    expect(done).toEqual(['a1', 'b1'])
    clock.advance(SECOND_MS)
    await queue.drain()
    expect(done).toEqual(['a1', 'b1', 'a1', 'a2'])
  })

  test('goes on behind one that is dead', async () => {
    const done = worker(async ({ payload }) => {
      if (payload === 1) throw new HopelessError('never')
      return undefined
    })
    for (const payload of [1, 2]) await put({ payload, orderingKey: 'a' })
    await queue.drain()
    expect(done).toEqual([1, 2])
  })

  test('does not wait for the same key of another kind', async () => {
    worker(async () => {
      throw new Error('not yet')
    })
    const done = worker(undefined, { kind: 'job:other' })
    await put({ orderingKey: 'a' })
    await put({ kind: 'job:other', orderingKey: 'a' })
    await queue.drain()
    expect(done).toHaveLength(1)
  })
})

describe('work that fails', () => {
  test('is tried again after a pause that grows, and each try knows which it is', async () => {
    const attempts: number[] = []
    worker(
      async ({ attempt }) => {
        attempts.push(attempt)
        throw new Error('away')
      },
      { attempts: 5 },
    )
    await put()
    await queue.drain()
    // Each pause is between a half and the whole of twice the one before.
    for (const [i, wholeMs] of [1_000, 2_000, 4_000, 8_000].entries()) {
      clock.advance(wholeMs / 2 - 1)
      await queue.drain()
      expect(attempts).toHaveLength(i + 1)
      clock.advance(wholeMs / 2 + 1)
      await queue.drain()
      expect(attempts).toHaveLength(i + 2)
    }
    expect(attempts).toEqual([1, 2, 3, 4, 5])
  })

  test('never waits longer than a quarter of an hour', async () => {
    const done = worker(
      async () => {
        throw new Error('away')
      },
      { attempts: 100 },
    )
    await put()
    for (let i = 0; i < 20; i++) {
      await queue.drain()
      clock.advance(15 * 60 * SECOND_MS)
    }
    expect(done).toHaveLength(20)
  })

  test('for the last time is dead, with what was wrong, and is not tried again', async () => {
    const done = worker(async ({ attempt }) => {
      throw new Error(`failure ${attempt}`)
    })
    const madeAt = clock()
    await put({ payload: { to: 'somebody' } })
    for (let i = 0; i < 6; i++) {
      await queue.drain()
      clock.advance(15 * 60 * SECOND_MS)
    }
    expect(done).toHaveLength(3)
    expect(await queue.counts()).toEqual({ waiting: 0, dead: 1 })
    expect(await queue.dead(10)).toEqual([
      {
        id: expect.any(Number),
        kind: KIND,
        attempts: 3,
        lastError: 'failure 3',
        createdAt: madeAt,
      },
    ])
  })

  test('without hope is dead at once', async () => {
    const done = worker(async () => {
      throw new HopelessError('there is no such person')
    })
    await put()
    await queue.drain()
    clock.advance(15 * 60 * SECOND_MS)
    await queue.drain()
    expect(done).toHaveLength(1)
    expect(await queue.dead(10)).toMatchObject([{ attempts: 1, lastError: 'there is no such person' }])
  })

  test('does not hold up the rest', async () => {
    const done = worker(async ({ payload }) => {
      if (payload === 'bad') throw new Error('bad')
      return undefined
    })
    for (const payload of ['bad', 'good', 'good']) await put({ payload })
    await queue.drain()
    expect(done.filter((each) => each === 'good')).toHaveLength(2)
    expect(await queue.counts()).toEqual({ waiting: 1, dead: 0 })
  })

  test('is remembered across a restart with its tries', async () => {
    const failing: Run = async () => {
      throw new Error('away')
    }
    worker(failing)
    await put()
    await queue.drain()
    clock.advance(SECOND_MS)
    const attempts: number[] = []
    const restarted = createQueue(runtime)
    worker(
      async (taken) => {
        attempts.push(taken.attempt)
        return failing(taken)
      },
      { on: restarted },
    )
    await restarted.drain()
    expect(attempts).toEqual([2])
  })
})

describe('dead work', () => {
  test('that is replayed is tried from the first attempt on', async () => {
    const attempts: number[] = []
    let broken = true
    worker(async ({ attempt }) => {
      attempts.push(attempt)
      if (broken) throw attempts.length === 1 ? new HopelessError('broken') : new Error('broken')
      return undefined
    })
    await put()
    await queue.drain()
    const [dead] = await queue.dead(1)
    expect(await queue.replay(dead?.id as number)).toBe(true)
    expect(await queue.counts()).toEqual({ waiting: 1, dead: 0 })
    await queue.drain()
    broken = false
    clock.advance(SECOND_MS)
    await queue.drain()
    expect(attempts).toEqual([1, 1, 2])
    expect(await queue.counts()).toEqual({ waiting: 0, dead: 0 })
  })

  test('is the only work that can be replayed, and only while it is dead', async () => {
    worker(async () => {
      throw new HopelessError('never')
    })
    await put()
    expect(await queue.replay(1)).toBe(false)
    await queue.drain()
    const [dead] = await queue.dead(1)
    expect(await queue.replay(dead?.id as number)).toBe(true)
    expect(await queue.replay(dead?.id as number)).toBe(false)
    expect(await queue.replay(987_654)).toBe(false)
  })

  test('is listed newest first, as many as asked for', async () => {
    worker(async ({ payload }) => {
      throw new HopelessError(`${payload} never`)
    })
    for (const payload of ['a', 'b', 'c']) await put({ payload })
    await queue.drain()
    expect((await queue.dead(2)).map(({ lastError }) => lastError)).toEqual(['c never', 'b never'])
  })
})

describe('a unique key', () => {
  test('waits once, whoever puts it in, and what came first counts', async () => {
    const done = worker()
    await put({ payload: 'first', uniqueKey: 'k' })
    await put({ payload: 'second', uniqueKey: 'k' })
    await put({ payload: 'another', uniqueKey: 'l' })
    expect(await queue.counts()).toEqual({ waiting: 2, dead: 0 })
    await queue.drain()
    expect(done).toEqual(['first', 'another'])
  })

  test('is free again when its work was done', async () => {
    const done = worker()
    await put({ uniqueKey: 'k' })
    await queue.drain()
    await put({ uniqueKey: 'k' })
    await queue.drain()
    expect(done).toHaveLength(2)
  })

  test('is free again when its work is dead: nothing of this key waits', async () => {
    const done = worker(async ({ payload }) => {
      if (payload === 'bad') throw new HopelessError('never')
      return undefined
    })
    await put({ payload: 'bad', uniqueKey: 'k' })
    await queue.drain()
    await put({ payload: 'good', uniqueKey: 'k' })
    await queue.drain()
    expect(done).toEqual(['bad', 'good'])
  })

  test('of another kind is another key', async () => {
    worker()
    worker(undefined, { kind: 'job:other' })
    await put({ uniqueKey: 'k' })
    await put({ kind: 'job:other', uniqueKey: 'k' })
    expect(await queue.counts()).toEqual({ waiting: 2, dead: 0 })
  })
})

describe('two copies on one database', () => {
  let second: Queue
  beforeEach(() => {
    second = createQueue(runtime)
  })

  test('share the work without doing any twice', async () => {
    const done = [...Array.from({ length: 2 })].map((_, i) => worker(undefined, { on: i === 0 ? queue : second }))
    await runtime.store.write(async (tx) => {
      for (let i = 0; i < 60; i++) await queue.put(tx, { kind: KIND, payload: i })
    })
    await Promise.all([queue.drain(), second.drain()])
    expect(done.flat().sort((a, b) => Number(a) - Number(b))).toEqual(Array.from({ length: 60 }, (_, i) => i))
    expect(await queue.counts()).toEqual({ waiting: 0, dead: 0 })
  })

  test('do not take from each other what is under way, nor what comes after it in its key', async () => {
    const first = slow(queue)
    const done = worker(undefined, { on: second })
    await put({ payload: 1, orderingKey: 'a' })
    const draining = queue.drain()
    await first.hasBegun
    await put({ payload: 2, orderingKey: 'a' })
    clock.advance(LEASE_MS - 1)
    await second.drain()
    expect(done).toEqual([])
    first.finish()
    await draining
    expect(first.done).toEqual([1, 2])
  })

  test('do the work of one that died when its lease is over', async () => {
    const died = slow(queue)
    const alive = worker(undefined, { on: second })
    await put({ payload: 'left behind' })
    const draining = queue.drain()
    await died.hasBegun
    clock.advance(LEASE_MS)
    await second.drain()
    expect(alive).toEqual(['left behind'])
    expect(await queue.counts()).toEqual({ waiting: 0, dead: 0 })
    died.finish()
    await draining
  })

  test('keep one effect when the first comes late, after the second has done the work', async () => {
    const late = slow(queue)
    const quick = slow(second)
    quick.finish()
    await put()
    const draining = queue.drain()
    await late.hasBegun
    clock.advance(LEASE_MS)
    await second.drain()
    late.finish()
    await draining
    expect(await effects()).toBe(1)
    expect(late.noted).toEqual([])
  })

  test('are not confused by the late failure of one that has lost its lease', async () => {
    const late = slow(queue)
    const now = slow(second)
    const third = createQueue(runtime)
    const done = worker(undefined, { on: third })
    await put()
    const lateDraining = queue.drain()
    await late.hasBegun
    clock.advance(LEASE_MS)
    const nowDraining = second.drain()
    await now.hasBegun
    late.finish(new Error('the connection was lost'))
    await lateDraining
    clock.advance(30 * SECOND_MS)
    await third.drain()
    const takenMeanwhile = [...done]
    now.finish()
    await nowDraining
    expect(takenMeanwhile).toEqual([])
  })
})

describe('places', () => {
  /** A worker whose work ends when it is told to, whichever piece it is. */
  function held(kind = KIND, concurrency = 16) {
    const ends: Array<() => void> = []
    let most = 0
    let now = 0
    const done = worker(
      async () => {
        now += 1
        most = Math.max(most, now)
        await new Promise<void>((resolve) => ends.push(resolve))
        now -= 1
        return undefined
      },
      { kind, concurrency },
    )
    return {
      done,
      most: () => most,
      /** Lets everything end, also what begins by it. */
      async finishAll(until: number) {
        while (done.length < until || ends.length > 0) {
          for (const end of ends.splice(0)) end()
          await new Promise((resolve) => setImmediate(resolve))
        }
      },
    }
  }

  test('are as many as the worker says, and all of it is done', async () => {
    const { done, most, finishAll } = held(KIND, 3)
    for (let i = 0; i < 10; i++) await put({ payload: i })
    const draining = queue.drain()
    await finishAll(10)
    await draining
    expect(done).toHaveLength(10)
    expect(most()).toBe(3)
  })

  test('of a kind that hangs are its own: other kinds go on', async () => {
    const hung = slow(queue, 'job:hung')
    const others = worker()
    for (let i = 0; i < 40; i++) await put({ kind: 'job:hung', payload: i })
    for (let i = 0; i < 40; i++) await put({ payload: i })
    const draining = queue.drain()
    while (others.length < 40) await new Promise((resolve) => setImmediate(resolve))
    expect(hung.done).toHaveLength(16)
    await put({ payload: 'put in meanwhile' })
    const again = queue.drain()
    await untilDone(others, 41)
    hung.finish()
    await draining
    await again
    expect(hung.done).toHaveLength(40)
    expect(await queue.counts()).toEqual({ waiting: 0, dead: 0 })
  })

  test('of one piece that hangs leave the others of its kind and of other keys', async () => {
    let finish: () => void = () => undefined
    const done = worker(async ({ payload }) => {
      if (payload === 'hangs')
        await new Promise<void>((resolve) => {
          finish = resolve
        })
      return undefined
    })
    await put({ payload: 'hangs', orderingKey: 'a' })
    await put({ payload: 'behind it', orderingKey: 'a' })
    for (let i = 0; i < 20; i++) await put({ payload: i, orderingKey: `b${i % 3}` })
    const draining = queue.drain()
    await untilDone(done, 21)
    expect(done).not.toContain('behind it')
    finish()
    await draining
    expect(done).toHaveLength(22)
  })

  test('that a jump of the clock makes look free are not', async () => {
    const hung = slow(queue)
    await put()
    const draining = queue.drain()
    await hung.hasBegun
    clock.advance(10 * LEASE_MS)
    const again = queue.drain()
    await put({ payload: 'another' })
    await untilDone(hung.done, 2)
    hung.finish()
    await Promise.all([draining, again])
    expect(hung.done).toEqual(['something', 'another'])
  })

  const untilDone = async (done: unknown[], many: number) => {
    while (done.length < many) await new Promise((resolve) => setImmediate(resolve))
  }
})

describe('the report', () => {
  test('tells for each kind what waits, is due, under way or dead, and since when', async () => {
    const begin = clock()
    const hung = slow(queue, 'job:hung')
    worker(
      async () => {
        throw new HopelessError('never')
      },
      { kind: 'job:bad' },
    )
    await put({ kind: 'job:bad' })
    await queue.drain()
    await put({ kind: 'job:hung', orderingKey: 'a' })
    const draining = queue.drain()
    await hung.hasBegun
    clock.advance(SECOND_MS)
    await put({ kind: 'job:hung', orderingKey: 'a' })
    await put({ kind: 'job:hung', dueAt: clock() + 5 * SECOND_MS })
    await put({ kind: 'job:later', dueAt: clock() + 5 * SECOND_MS })
    expect(await queue.report()).toEqual([
      { kind: 'job:bad', waiting: 0, due: 0, underWay: 0, dead: 1, oldestDueAt: null },
      { kind: 'job:hung', waiting: 3, due: 1, underWay: 1, dead: 0, oldestDueAt: begin },
      { kind: 'job:later', waiting: 1, due: 0, underWay: 0, dead: 0, oldestDueAt: clock() + 5 * SECOND_MS },
    ])
    hung.finish()
    await draining
  })

  test('of an empty queue is empty', async () => {
    expect(await queue.report()).toEqual([])
  })
})

describe('a queue that is started', () => {
  test('does what is put in without being asked, and what is under way is waited for when it is stopped', async () => {
    const first = slow(queue)
    queue.start()
    await put()
    await first.hasBegun
    const stopping = queue.stop()
    first.finish()
    await stopping
    expect(await effects()).toBe(1)
    await put()
    expect(await queue.counts()).toEqual({ waiting: 1, dead: 0 })
  })

  test('goes on with other kinds while one hangs, and takes what comes due by what it does', async () => {
    const hung = slow(queue, 'job:hung')
    const third = Promise.withResolvers<void>()
    worker(async ({ payload }) => {
      if (payload === 3) third.resolve()
      return payload === 3 ? undefined : (tx) => queue.put(tx, { kind: KIND, payload: Number(payload) + 1 })
    })
    for (let i = 0; i < 20; i++) await put({ kind: 'job:hung', payload: i })
    queue.start()
    await hung.hasBegun
    await put({ payload: 1 })
    await third.promise
    hung.finish()
    await queue.stop()
  })

  test('waits for no lease of a process that was killed, where no other can have the database', async () => {
    const killed = slow(queue)
    await put({ payload: 'left behind', orderingKey: 'a' })
    await put({ payload: 'behind it', orderingKey: 'a' })
    const draining = queue.drain()
    await killed.hasBegun
    const restarted = createQueue(runtime)
    const ended = Promise.withResolvers<void>()
    const attempts: number[] = []
    const done = worker(
      async ({ payload, attempt }) => {
        attempts.push(attempt)
        if (payload === 'behind it') ended.resolve()
        return undefined
      },
      { on: restarted },
    )
    // On PostgreSQL it might as well be alive, so its lease is waited for.
    if (runtime.store.engine === 'postgres') clock.advance(LEASE_MS)
    restarted.start()
    await ended.promise
    await restarted.stop()
    expect(done).toEqual(['left behind', 'behind it'])
    expect(attempts).toEqual([2, 1])
    killed.finish()
    await draining
    expect(await effects()).toBe(0)
  })
})
