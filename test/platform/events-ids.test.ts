/** An event's id is its name in what was told of it, so it is never given to another. */
import { afterEach, beforeEach, expect, test } from 'bun:test'
import { Type } from '@sinclair/typebox'
import { createEvents, eventType } from '../../src/platform/events'
import { createQueue } from '../../src/platform/queue'
import type { Runtime } from '../../src/platform/runtime'
import { freshDatabase, type TestDatabase } from '../support/database'
import { createTestRuntime, type TestClock, testClock } from '../support/world'

const DAY_MS = 24 * 3_600_000
const happened = eventType('thing.happened', Type.Object({}))

let database: TestDatabase
let clock: TestClock
let runtime: Runtime

beforeEach(async () => {
  database = await freshDatabase()
  clock = testClock()
  runtime = createTestRuntime(database, clock)
})
afterEach(async () => {
  await runtime.store.close()
  await database.drop()
})

test('after a quiet month in which all events were cleared out, a new one has a new id', async () => {
  const queue = createQueue(runtime)
  const events = createEvents(runtime, queue)
  const ids: number[] = []
  events.subscribe({
    name: 'notes',
    to: happened,
    handle: async ({ id }) => {
      ids.push(id)
      return undefined
    },
  })
  const happen = () => runtime.store.write((tx) => events.append(tx, happened, 'key', {}))
  await happen()
  await happen()
  await queue.drain()
  clock.advance(31 * DAY_MS)
  while ((await events.prune(clock() - 30 * DAY_MS)) > 0);
  await happen()
  await queue.drain()

  expect(ids).toHaveLength(3)
  expect(new Set(ids).size).toBe(3)
})
