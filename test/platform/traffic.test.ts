/** What nobody waits for goes behind those who wait, and is done in the end all the same. */
import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { Type } from '@sinclair/typebox'
import { createEvents, eventType } from '../../src/platform/events'
import { createQueue } from '../../src/platform/queue'
import { createTraffic, type Traffic } from '../../src/platform/queue/traffic'
import type { Runtime } from '../../src/platform/runtime'
import { freshDatabase, type TestDatabase } from '../support/database'
import { createTestRuntime } from '../support/world'

const noted = eventType('thing.noted', Type.Object({ n: Type.Integer() }))
const needed = eventType('thing.needed', Type.Object({ n: Type.Integer() }))

let database: TestDatabase
let runtime: Runtime

beforeEach(async () => {
  database = await freshDatabase()
  runtime = createTestRuntime(database)
})
afterEach(async () => {
  await runtime.store.close()
  await database.drop()
})

/** A stopwatch that the test holds. */
function stopwatch() {
  let now = 0
  return Object.assign(() => now, {
    advance(ms: number) {
      now += ms
    },
  })
}

describe('traffic', () => {
  test('is busy while more than two hundred requests a second come in, and quiet soon after they stop', () => {
    const now = stopwatch()
    const traffic = createTraffic(now)
    const second = (requests: number) => {
      for (let i = 0; i < requests; i += 1) {
        now.advance(1_000 / requests)
        traffic.note()
      }
    }
    second(150)
    expect(traffic.busy()).toBe(false)
    for (let i = 0; i < 400; i += 1) {
      now.advance(2.5)
      traffic.note()
      traffic.busy()
    }
    expect(traffic.busy()).toBe(true)
    now.advance(250)
    traffic.busy()
    now.advance(250)
    expect(traffic.busy()).toBe(false)
  })

  test('a burst is noticed at once, not only when its window has passed', () => {
    const traffic = createTraffic(stopwatch())
    for (let i = 0; i < 51; i += 1) traffic.note()
    expect(traffic.busy()).toBe(true)
  })

  test('gives others nine times as long as the work took, and a second at the most; nothing when it is quiet', () => {
    const now = stopwatch()
    const traffic = createTraffic(now)
    expect(traffic.restAfter(100)).toBe(0)
    for (let i = 0; i < 60; i += 1) traffic.note()
    expect(traffic.restAfter(10)).toBe(90)
    expect(traffic.restAfter(5_000)).toBe(1_000)
  })
})

/** Busy for as long as the test says. */
function traffic(): Traffic & { rush: boolean } {
  const self = {
    rush: true,
    note() {},
    busy: () => self.rush,
    restAfter: (ms: number) => (self.rush ? Math.min(1_000, ms * 9) : 0),
  }
  return self
}

describe('events', () => {
  test('that are waited for pass a backlog of patient ones; these are done in the end, each once', async () => {
    const queue = createQueue(runtime, traffic())
    const events = createEvents(runtime, queue)
    const order: string[] = []
    const heard = new Map<number, number>()
    events.subscribe({
      name: 'history',
      to: noted,
      patient: true,
      handle: async ({ payload }) => {
        order.push('patient')
        heard.set(payload.n, (heard.get(payload.n) ?? 0) + 1)
        return undefined
      },
    })
    const arrived = Promise.withResolvers<void>()
    events.subscribe({
      name: 'codes',
      to: needed,
      handle: async () => {
        order.push('urgent')
        arrived.resolve()
        return undefined
      },
    })
    await runtime.store.write(async (tx) => {
      for (let n = 0; n < 1_000; n += 1) await events.append(tx, noted, `key-${n}`, { n })
    })
    queue.start()
    await runtime.store.write((tx) => events.append(tx, needed, 'usr_1', { n: 0 }))
    await arrived.promise
    const before = order.indexOf('urgent')
    await queue.drain()
    await queue.stop()

    expect(before).toBeLessThan(300)
    expect(heard.size).toBe(1_000)
    expect([...heard.values()].every((times) => times === 1)).toBe(true)
  })
})

describe('a queue that is stopped', () => {
  test('while it looks for work leaves no timer behind', async () => {
    const queue = createQueue(runtime, { ...traffic(), restAfter: () => 500 })
    const asked = Promise.withResolvers<void>()
    const answer = Promise.withResolvers<number>()
    let looks = 0
    queue.draw({
      name: 'first',
      patient: false,
      pull: () => {
        looks += 1
        if (looks === 1) return Promise.resolve(0)
        asked.resolve()
        return answer.promise
      },
    })
    // It has something once, and rests afterwards.
    queue.draw({ name: 'patient', patient: true, pull: async () => 1 })
    const timers = timersMadeBy()
    queue.start()
    await asked.promise
    const stopped = queue.stop()
    answer.resolve(0)
    await stopped
    const left = timers.open()
    timers.end()
    expect(left).toBe(0)
  })
})

/** Counts timers that were set and neither fired nor were cleared. */
function timersMadeBy() {
  const { setTimeout: set, clearTimeout: clear, setInterval: every, clearInterval: cease } = globalThis
  const open = new Set<unknown>()
  globalThis.setTimeout = ((act: () => void, ms?: number) => {
    const timer = set(() => {
      open.delete(timer)
      act()
    }, ms)
    open.add(timer)
    return timer
  }) as typeof set
  globalThis.clearTimeout = ((timer: never) => {
    open.delete(timer)
    clear(timer)
  }) as typeof clear
  globalThis.setInterval = ((act: () => void, ms?: number) => {
    const timer = every(act, ms)
    open.add(timer)
    return timer
  }) as typeof every
  globalThis.clearInterval = ((timer: never) => {
    open.delete(timer)
    cease(timer)
  }) as typeof cease
  return {
    open: () => open.size,
    end() {
      Object.assign(globalThis, { setTimeout: set, clearTimeout: clear, setInterval: every, clearInterval: cease })
    },
  }
}
