/** Prepared queries answer what the same queries answer when they are built anew, and see no more than those. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'bun:test'
import { eq } from 'drizzle-orm'
import { openStore, prepared, type Store } from '../../../src/platform/db'
import { work } from '../../../src/platform/queue/schema'
import { freshDatabase, type TestDatabase } from '../../support/database'

type Row = typeof work.$inferSelect

const insertWork = prepared<Omit<Row, 'id'>, unknown>('test_insert_work', (db, $) =>
  db.insert(work).values({
    kind: $('kind'),
    orderingKey: $('orderingKey'),
    uniqueKey: $('uniqueKey'),
    payload: $('payload'),
    state: $('state'),
    attempts: $('attempts'),
    dueAt: $('dueAt'),
    leaseUntil: $('leaseUntil'),
    lastError: $('lastError'),
    createdAt: $('createdAt'),
  } as never),
)
const workOfKind = prepared<{ kind: string }, Row[]>('test_work_of_kind', (db, $) =>
  db
    .select()
    .from(work)
    .where(eq(work.kind, $('kind'))),
)

const row: Omit<Row, 'id'> = {
  kind: 'job:test',
  orderingKey: 'ключ ’ "key"',
  uniqueKey: null,
  payload: { deep: [1, null, { text: 'é' }], big: Number.MAX_SAFE_INTEGER },
  state: 'waiting',
  attempts: 0,
  dueAt: 1_795_512_600_000,
  leaseUntil: 0,
  lastError: null,
  createdAt: 1_795_512_600_000,
}

let database: TestDatabase
let store: Store
beforeAll(async () => {
  database = await freshDatabase()
  store = openStore(database.location, { strictUnits: true })
})
afterAll(async () => {
  await store.close()
  await database.drop()
})
afterEach(() =>
  store.write(async (tx) => {
    await tx.delete(work)
  }),
)

describe('a prepared query', () => {
  test('writes and reads every kind of value as one that is built anew does', async () => {
    await store.write(async (tx) => {
      await insertWork(tx, row)
    })
    const anew = await store.read.select().from(work)
    expect(anew).toEqual([{ id: expect.any(Number), ...row }])
    expect(await workOfKind(store.read, { kind: 'job:test' })).toEqual(anew)
    expect(await workOfKind(store.read, { kind: 'job:none' })).toEqual([])
  })

  test('sees within a unit what the unit wrote', async () => {
    const seen = await store.write(async (tx) => {
      await insertWork(tx, row)
      return workOfKind(tx, { kind: row.kind })
    })
    expect(seen).toHaveLength(1)
  })

  test('outside a unit sees only what is committed, also while one is under way', async () => {
    await workOfKind(store.read, { kind: row.kind })
    const seen: number[] = []
    await store.write(async (tx) => {
      await insertWork(tx, row)
      seen.push((await workOfKind(store.read, { kind: row.kind })).length)
    })
    expect(seen[0]).toBe(0)
    expect(await workOfKind(store.read, { kind: row.kind })).toHaveLength(1)
  })

  test('outside sees nothing of a unit that was lost', async () => {
    const lost = store.write(async (tx) => {
      await insertWork(tx, row)
      throw new Error('lost')
    })
    const kept = store.write(async (tx) => {
      await insertWork(tx, { ...row, kind: 'job:kept' })
    })
    expect(await lost.catch((error: Error) => error.message)).toBe('lost')
    await kept
    expect(await workOfKind(store.read, { kind: row.kind })).toEqual([])
    expect(await workOfKind(store.read, { kind: 'job:kept' })).toHaveLength(1)
  })
})
