/**
 * On PostgreSQL, a connection that is cut in the middle of a unit and comes back at once: what is left of the unit must
 * not run outside a transaction, and a COMMIT that finds none must not pass for one.
 */
import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { sql } from 'drizzle-orm'
import { engine, type Store, type Tx } from '../../../src/platform/db'
import { connectPostgres } from '../../../src/platform/db/postgres'
import { instance } from '../../../src/platform/security/schema'
import { freshDatabase, type TestDatabase } from '../../support/database'
import { createTestRuntime } from '../../support/world'

describe.if(engine === 'postgres')('a connection that is cut within a unit', () => {
  let database: TestDatabase
  let store: Store
  let other: ReturnType<typeof connectPostgres>

  beforeEach(async () => {
    database = await freshDatabase()
    store = createTestRuntime(database).store
    other = connectPostgres((database.location as { url: string }).url, 1)
  })
  afterEach(async () => {
    await other.close()
    await store.close()
    await database.drop()
  })

  /** Cuts the unit’s own connection from outside, as a proxy or an administrator would. */
  async function cut(tx: Tx): Promise<void> {
    const [row] = await store.rows<{ pid: number }>(tx, sql`select pg_backend_pid() as pid`)
    await other.unsafe('select pg_terminate_backend($1)', [Number(row?.pid)])
    // Until the client has noticed, and would open another.
    for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setTimeout(resolve, 2))
  }
  const put = (tx: Tx, name: string) => tx.insert(instance).values({ name, value: 'x' })
  const names = async () => (await store.read.select().from(instance)).map(({ name }) => name).sort()

  test('before its last write leaves nothing half done: it is run again as a whole', async () => {
    let runs = 0
    await store.write(async (tx) => {
      runs += 1
      await put(tx, 'first')
      if (runs === 1) await cut(tx)
      await put(tx, 'second')
    })
    expect(runs).toBe(2)
    expect(await names()).toEqual(['first', 'second'])
  })

  test('and whose unit overlooks the failure keeps nothing of it', async () => {
    let runs = 0
    await store.write(async (tx) => {
      runs += 1
      await put(tx, `first of run ${runs}`)
      if (runs === 1) await cut(tx)
      await put(tx, `second of run ${runs}`).then(undefined, () => undefined)
      await put(tx, `third of run ${runs}`).then(undefined, () => undefined)
    })
    expect(await names()).toEqual(['first of run 2', 'second of run 2', 'third of run 2'])
  })

  test('after its last write is not answered as kept: it is run again', async () => {
    let runs = 0
    await store.write(async (tx) => {
      runs += 1
      await put(tx, 'only')
      if (runs === 1) await cut(tx)
    })
    expect(runs).toBe(2)
    expect(await names()).toEqual(['only'])
  })

  test('while it was idle costs the next unit nothing', async () => {
    await store.write((tx) => put(tx, 'before'))
    await other.unsafe(
      'select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()',
    )
    await store.write(async (tx) => {
      await put(tx, 'after')
      await put(tx, 'and after')
    })
    expect(await names()).toEqual(['after', 'and after', 'before'])
  })
})
