/** The outbox: what has happened is told to all who asked, because it happened and only if it did. */
import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { Type } from '@sinclair/typebox'
import { createEvents, type Events, eventType, type Happened } from '../../src/platform/events'
import { events as eventsTable } from '../../src/platform/events/schema'
import { createQueue, type Queue } from '../../src/platform/queue'
import type { Runtime } from '../../src/platform/runtime'
import { instance } from '../../src/platform/security/schema'
import { freshDatabase, type TestDatabase } from '../support/database'
import { createTestRuntime, type TestClock, testClock } from '../support/world'

const SECOND_MS = 1_000
const sent = eventType('money.sent', Type.Object({ amount: Type.Integer() }))
const other = eventType('something.else', Type.Object({}))
type Sent = Happened<{ amount: number }>

let database: TestDatabase
let clock: TestClock
let runtime: Runtime
let queue: Queue
let events: Events

beforeEach(async () => {
  database = await freshDatabase()
  clock = testClock()
  runtime = createTestRuntime(database, clock)
  queue = createQueue(runtime)
  events = createEvents(runtime, queue)
})
afterEach(async () => {
  await runtime.store.close()
  await database.drop()
})

function subscriber(name: string, fails: (event: Sent, nth: number) => boolean = () => false): Sent[] {
  const heard: Sent[] = []
  events.subscribe({
    name,
    to: sent,
    handle: async (event) => {
      heard.push(event)
      if (fails(event, heard.length)) throw new Error('not now')
      return undefined
    },
  })
  return heard
}

const happen = (amount: number, key = 'usr_1') => runtime.store.write((tx) => events.append(tx, sent, key, { amount }))
const kept = async () => (await runtime.store.read.select().from(eventsTable)).length
const amounts = (heard: Sent[]) => heard.map(({ payload }) => payload.amount)

describe('an event', () => {
  test('reaches every subscriber of its type, with its key and moment, and no other', async () => {
    const [mail, analytics] = [subscriber('mail'), subscriber('analytics')]
    const at = clock()
    await happen(5)
    await runtime.store.write((tx) => events.append(tx, other, 'usr_1', {}))
    clock.advance(SECOND_MS)
    await queue.drain()
    const event = { id: expect.any(Number), type: 'money.sent', key: 'usr_1', payload: { amount: 5 }, at }
    expect(mail).toEqual([event])
    expect(analytics).toEqual([event])
  })

  test('is written with its cause, and is gone with it: nobody hears of what did not happen', async () => {
    const heard = subscriber('mail')
    const unit = runtime.store.write(async (tx) => {
      await tx.insert(instance).values({ name: 'cause', value: '' })
      await events.append(tx, sent, 'usr_1', { amount: 5 })
      throw new Error('undone')
    })
    expect(await unit.catch((error: Error) => error.message)).toBe('undone')
    await queue.drain()
    expect(heard).toEqual([])
    expect(await kept()).toBe(0)
    expect(await queue.counts()).toEqual({ waiting: 0, dead: 0 })
  })

  test('is not told before its unit is kept', async () => {
    const heard = subscriber('mail')
    await runtime.store.write(async (tx) => {
      await events.append(tx, sent, 'usr_1', { amount: 5 })
      expect(heard).toEqual([])
    })
    await queue.drain()
    expect(heard).toHaveLength(1)
  })

  test('that nobody asked for is kept without deliveries', async () => {
    await happen(5)
    expect(await kept()).toBe(1)
    expect(await queue.counts()).toEqual({ waiting: 0, dead: 0 })
  })

  test('survives a restart between its commit and its delivery', async () => {
    subscriber('mail')
    await happen(5)
    await runtime.store.close()
    runtime = createTestRuntime(database, clock)
    queue = createQueue(runtime)
    events = createEvents(runtime, queue)
    const heard = subscriber('mail')
    await queue.drain()
    expect(amounts(heard)).toEqual([5])
  })

  test('is handled once together with the subscriber’s own change', async () => {
    let tries = 0
    events.subscribe({
      name: 'books',
      to: sent,
      handle: async ({ id }) => {
        tries += 1
        return async (tx) => {
          await tx.insert(instance).values({ name: `handled ${id}`, value: '' })
          if (tries === 1) throw new Error('the change failed')
        }
      },
    })
    await happen(5)
    await queue.drain()
    clock.advance(SECOND_MS)
    await queue.drain()
    await queue.drain()
    expect(tries).toBe(2)
    expect(await runtime.store.read.select().from(instance)).toHaveLength(1)
  })
})

describe('events of one key', () => {
  test('reach a subscriber in order, also when one has to be tried again', async () => {
    const heard = subscriber('mail', ({ payload }, nth) => payload.amount === 2 && nth === 2)
    for (const amount of [1, 2, 3]) await happen(amount)
    await queue.drain()
    expect(amounts(heard)).toEqual([1, 2])
    clock.advance(SECOND_MS)
    await queue.drain()
    expect(amounts(heard)).toEqual([1, 2, 2, 3])
  })

  test('reach a subscriber in order, although several copies of the process hand them on', async () => {
    const copies = Array.from({ length: 3 }, () => {
      const its = createQueue(runtime)
      return { queue: its, events: createEvents(runtime, its) }
    })
    const heard: number[] = []
    for (const copy of copies)
      copy.events.subscribe({
        name: 'mail',
        to: sent,
        handle: async ({ payload }) => {
          heard.push(payload.amount)
          return undefined
        },
      })
    const numbers = Array.from({ length: 450 }, (_, i) => i)
    await runtime.store.write(async (tx) => {
      for (const amount of numbers) await (copies[0] as (typeof copies)[0]).events.append(tx, sent, 'usr_1', { amount })
    })
    while (heard.length < numbers.length) {
      await Promise.all(copies.map((copy) => copy.queue.drain()))
      clock.advance(SECOND_MS)
    }
    expect(heard).toEqual(numbers)
  }, 60_000)

  test('do not hold up another key, nor another subscriber', async () => {
    const failing = subscriber('failing', ({ key }) => key === 'usr_1')
    const healthy = subscriber('healthy')
    await happen(1, 'usr_1')
    await happen(2, 'usr_1')
    await happen(3, 'usr_2')
    await queue.drain()
    expect(amounts(failing).sort()).toEqual([1, 3])
    expect(amounts(healthy).sort()).toEqual([1, 2, 3])
  })
})

describe('a delivery that keeps failing', () => {
  test('is dead after twelve tries, and can be replayed', async () => {
    let broken = true
    const heard = subscriber('mail', () => broken)
    await happen(5)
    for (let i = 0; i < 15; i++) {
      await queue.drain()
      clock.advance(15 * 60 * SECOND_MS)
    }
    expect(heard).toHaveLength(12)
    const [dead] = await queue.dead(10)
    expect(dead).toMatchObject({ kind: expect.stringMatching(/^event:mail/), attempts: 12, lastError: 'not now' })
    broken = false
    expect(await queue.replay(dead?.id as number)).toBe(true)
    await queue.drain()
    expect(heard).toHaveLength(13)
    expect(await queue.counts()).toEqual({ waiting: 0, dead: 0 })
  })
})

describe('pruning', () => {
  test('deletes events older than the moment, and no younger ones', async () => {
    subscriber('mail')
    await happen(1)
    clock.advance(1)
    const moment = clock()
    await happen(2)
    await queue.drain()
    expect(await events.prune(moment)).toBe(1)
    expect(await events.prune(moment)).toBe(0)
    const left = await runtime.store.read.select().from(eventsTable)
    expect(left.map(({ payload }) => payload)).toEqual([{ amount: 2 }])
  })

  test('keeps those that a subscriber still waits for, and those of dead deliveries', async () => {
    let broken = true
    const heard = subscriber('mail', ({ payload }) => broken && payload.amount < 3)
    for (const amount of [1, 2, 3]) await happen(amount, `usr_${amount}`)
    await queue.drain()
    // The first is dead by now; the second is put in last and still waits.
    for (let i = 0; i < 12; i++) {
      clock.advance(15 * 60 * SECOND_MS)
      await queue.drain()
    }
    await happen(2, 'usr_4')
    await queue.drain()
    expect(await queue.counts()).toEqual({ waiting: 1, dead: 2 })
    expect(await events.prune(clock() + 1)).toBe(1)
    expect(await kept()).toBe(3)
    broken = false
    for (const { id } of await queue.dead(10)) await queue.replay(id)
    clock.advance(15 * 60 * SECOND_MS)
    heard.length = 0
    await queue.drain()
    expect(amounts(heard).sort()).toEqual([1, 2, 2])
    // The newest stays, or its number would be given out again.
    expect(await events.prune(clock() + 1)).toBe(2)
    expect(await kept()).toBe(1)
  })
})
