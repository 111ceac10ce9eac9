/** A subscriber hears of one key in order, also when one type of event is waited for and another is not. */
import { afterEach, beforeEach, expect, test } from 'bun:test'
import { Type } from '@sinclair/typebox'
import { createEvents, eventType } from '../../src/platform/events'
import { createQueue } from '../../src/platform/queue'
import { createTraffic } from '../../src/platform/queue/traffic'
import type { Runtime } from '../../src/platform/runtime'
import { freshDatabase, type TestDatabase } from '../support/database'
import { createTestRuntime } from '../support/world'

const patiently = eventType('thing.noted', Type.Object({}))
const urgently = eventType('thing.needed', Type.Object({}))

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

test('a patient subscriber hears what it listens to in order, although another waits for one of the types', async () => {
  const queue = createQueue(runtime, createTraffic())
  const events = createEvents(runtime, queue)
  const heard: string[] = []
  const hear = async ({ type }: { type: string }) => {
    heard.push(type)
    return undefined
  }
  events.subscribe({ name: 'history', to: patiently, patient: true, handle: hear })
  events.subscribe({ name: 'history', to: urgently, patient: true, handle: hear })
  events.subscribe({ name: 'codes', to: urgently, handle: async () => undefined })
  await runtime.store.write(async (tx) => {
    await events.append(tx, patiently, 'usr_1', {})
    await events.append(tx, urgently, 'usr_1', {})
  })
  await queue.drain()
  expect(heard).toEqual(['thing.noted', 'thing.needed'])
})
