/** Backups: what is taken can be put back, on either engine, and what is damaged is never trusted. */
import { Database } from 'bun:sqlite'
import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { cpSync, existsSync, openSync, readdirSync, readFileSync, statSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { createLedger, verifyLedger } from '../../../src/modules/ledger'
import { engine, type Location, openStore } from '../../../src/platform/db'
import { BackupError, checkBackup, listBackups, restoreBackup, takeBackup } from '../../../src/platform/db/backup'
import { work } from '../../../src/platform/queue/schema'
import type { Runtime } from '../../../src/platform/runtime'
import { freshDatabase, freshPostgres, type TestDatabase } from '../../support/database'
import { createTestRuntime } from '../../support/world'

const NOW = Date.UTC(2026, 10, 24, 9, 30)

let database: TestDatabase
let runtime: Runtime
let folder: string

beforeEach(async () => {
  database = await freshDatabase()
  runtime = createTestRuntime(database)
  folder = join(database.folder, 'backups')
})
afterEach(async () => {
  await runtime.store.close()
  await database.drop()
})

/** A fresh customer gets this much; answers when it is kept. */
function issue(amount: number, owner = crypto.randomUUID()): Promise<void> {
  const ledger = createLedger(runtime)
  return runtime.store.write(async (tx) => {
    const trust = await ledger.system(tx, 'trust', 'USD', owner)
    const to = await ledger.ensure(tx, { ownerId: owner, kind: 'customer', currency: 'USD' })
    const result = await ledger.transfer(tx, {
      type: 'issuance',
      amount,
      currency: 'USD',
      debitAccountId: trust,
      creditAccountId: to,
      legs: [
        { accountId: trust, amount: -amount },
        { accountId: to, amount },
      ],
    })
    if (!result.ok) throw new Error(result.code)
  })
}

async function booksOf(location: Location) {
  const store = openStore(location, { strictUnits: true })
  try {
    return await verifyLedger(store)
  } finally {
    await store.close()
  }
}
const booksIn = (file: string) => booksOf({ engine: 'sqlite', file })

async function refusal(attempt: Promise<unknown>): Promise<{ error: unknown; message: string }> {
  return attempt.then(
    () => ({ error: undefined, message: 'it was not refused' }),
    (error: Error) => ({ error, message: error.message }),
  )
}

const take = (now = NOW, keep = 7) => takeBackup(database.location, folder, keep, now)

describe('a backup, on either engine', () => {
  test('is one SQLite file of the owner’s alone, named by its moment', async () => {
    await issue(100)
    const { file, bytes, pruned } = await take()
    expect(file).toBe(join(folder, 'kumbu-2026-11-24T09-30-00-000Z.db'))
    expect(readFileSync(file).subarray(0, 15).toString()).toBe('SQLite format 3')
    expect(statSync(file).size).toBe(bytes)
    expect(statSync(file).mode & 0o777).toBe(0o600)
    expect(pruned).toEqual([])
    expect(readdirSync(folder)).toEqual(['kumbu-2026-11-24T09-30-00-000Z.db'])
  })

  test('holds all that was answered before it', async () => {
    for (const amount of [100, 20, 3]) await issue(amount)
    const { file } = await take()
    const { ok, totals, transfers } = await booksIn(file)
    expect({ ok, totals, transfers }).toEqual({
      ok: true,
      totals: [{ currency: 'USD', issued: 123, trust: 123 }],
      transfers: 3,
    })
  })

  test('taken by another process while this one writes is of one moment, and its books prove themselves', async () => {
    for (let i = 0; i < 20; i++) await issue(1)
    const script = `
      const { takeBackup } = await import(${JSON.stringify(join(import.meta.dir, '../../../src/platform/db/backup.ts'))})
      for (const now of [${NOW}, ${NOW + 1}, ${NOW + 2}]) {
        await takeBackup(${JSON.stringify(database.location)}, ${JSON.stringify(folder)}, 7, now)
      }
    `
    const child = Bun.spawn([process.execPath, '-e', script], { env: process.env, stdout: 'ignore', stderr: 'inherit' })
    let written = 20
    while (child.exitCode === null) {
      await Promise.all([issue(1), issue(1), issue(1)])
      written += 3
    }
    expect(await child.exited).toBe(0)
    const files = listBackups(folder)
    expect(files).toHaveLength(3)
    for (const file of files) {
      const { findings, transfers, totals } = await booksIn(file)
      expect(findings).toEqual([])
      expect(transfers).toBeGreaterThanOrEqual(20)
      expect(totals[0]).toEqual({ currency: 'USD', issued: transfers, trust: transfers })
    }
    expect((await verifyLedger(runtime.store)).transfers).toBe(written)
  })

  test('pushes out the oldest when there are more than are kept', async () => {
    const files: string[] = []
    for (let day = 0; day < 4; day++) {
      const { file, pruned } = await take(NOW + day * 86_400_000, 2)
      files.push(file)
      expect(pruned).toEqual(day < 2 ? [] : [files[day - 2] as string])
    }
    expect(listBackups(folder)).toEqual([files[3] as string, files[2] as string])
    expect(readdirSync(folder)).toHaveLength(2)
  })

  test('pushes out nothing that is not a backup', async () => {
    await take(NOW, 1)
    const other = join(folder, 'before-restore-2020-01-01T00-00-00-000Z.db')
    writeFileSync(other, 'kept aside')
    await take(NOW + 1, 1)
    expect(listBackups(folder)).toHaveLength(1)
    expect(existsSync(other)).toBe(true)
  })

  test('that cannot be taken leaves the older ones and no half of itself', async () => {
    const { file } = await take(NOW, 1)
    const nowhere: Location =
      database.location.engine === 'sqlite'
        ? { engine: 'sqlite', file: join(database.folder, 'none.db') }
        : { ...database.location, url: database.location.url.replace(/[^/]+$/, 'kumbu_none') }
    expect((await refusal(takeBackup(nowhere, folder, 1, NOW + 1))).error).toBeDefined()
    expect(readdirSync(folder).map((name) => join(folder, name))).toEqual([file])
  })

  test('of a folder that is not there is none', () => {
    expect(listBackups(join(database.folder, 'nowhere'))).toEqual([])
  })
})

describe('a backup that is checked', () => {
  let file: string
  beforeEach(async () => {
    for (let i = 0; i < 30; i++) await issue(1)
    file = (await take()).file
  })

  function why(path = file): string {
    try {
      checkBackup(path)
      return 'it is sound'
    } catch (error) {
      expect(error).toBeInstanceOf(Error)
      return `${(error as Error).name}: ${(error as Error).message}`
    }
  }
  function change(...statements: string[]): void {
    const db = new Database(file)
    for (const statement of statements) db.run(statement)
    db.close()
  }

  test('is sound as it was taken', () => {
    expect(why()).toBe('it is sound')
  })

  test('and is not there is refused', () => {
    expect(why(join(folder, 'none.db'))).toContain('BackupError: There is no file')
  })

  test('and is no database is refused', () => {
    writeFileSync(file, 'some other file '.repeat(1_000))
    expect(why()).toContain('is not a backup of Kumbu')
  })

  test('and was cut short is refused', () => {
    writeFileSync(file, readFileSync(file).subarray(0, 4_096 * 5))
    expect(why()).toMatch(/^BackupError/)
  })

  test('and has a page of rubbish is refused', () => {
    const bytes = statSync(file).size
    const descriptor = openSync(file, 'r+')
    for (let at = 4_096 * 3; at < bytes; at += 4_096) writeSync(descriptor, Buffer.alloc(4_096, 0x5a), 0, 4_096, at)
    expect(why()).toMatch(/^BackupError/)
  })

  test('and has rows without their parent is refused', () => {
    change('pragma foreign_keys = off', `insert into refresh_tokens values ('hash', 'ses_none', 1, null, null)`)
    expect(why()).toContain('without their parent')
  })

  test('and is of a newer Kumbu is refused', () => {
    change(`insert into schema_migrations values ('9999_future', 'x', 1)`)
    expect(why()).toContain('MigrationError: This database was changed by a newer Kumbu')
  })

  test('and is another program’s database is refused', () => {
    change('drop table schema_migrations')
    expect(why()).toContain('is not a backup of Kumbu')
  })
})

describe.if(engine === 'sqlite')('a backup put back on SQLite', () => {
  const where = () => database.location as Extract<Location, { engine: 'sqlite' }>
  const restore = (file: string, now = NOW + 5) => restoreBackup(file, where(), folder, now)

  test('is the database from then on, and what was there before is kept aside', async () => {
    await issue(100)
    const { file } = await take()
    await issue(20)
    await runtime.store.close()
    const aside = await restore(file)
    expect((await booksIn(where().file)).totals).toEqual([{ currency: 'USD', issued: 100, trust: 100 }])
    expect(aside).toBe(join(folder, 'before-restore-2026-11-24T09-30-00-005Z.db'))
    expect((await booksIn(aside as string)).totals).toEqual([{ currency: 'USD', issued: 120, trust: 120 }])
    expect(listBackups(folder)).toEqual([file])
    runtime = createTestRuntime(database)
    await issue(1)
    expect((await verifyLedger(runtime.store)).findings).toEqual([])
  })

  test('into a place without a database needs nothing aside', async () => {
    await issue(100)
    const { file } = await take()
    const fresh: Location = { engine: 'sqlite', file: join(database.folder, 'fresh.db') }
    expect(await restoreBackup(file, fresh, folder, NOW)).toBeUndefined()
    expect((await booksOf(fresh)).totals).toEqual([{ currency: 'USD', issued: 100, trust: 100 }])
    expect(statSync(fresh.file).mode & 0o777).toBe(0o600)
  })

  test('that is damaged is refused, and the database is as it was', async () => {
    await issue(100)
    const { file } = await take()
    writeFileSync(file, readFileSync(file).subarray(0, 4_096 * 5))
    await runtime.store.close()
    const { error } = await refusal(restore(file))
    expect(error).toBeInstanceOf(BackupError)
    expect((await booksIn(where().file)).totals).toEqual([{ currency: 'USD', issued: 100, trust: 100 }])
    expect(existsSync(join(folder, 'before-restore-2026-11-24T09-30-00-005Z.db'))).toBe(false)
    runtime = createTestRuntime(database)
  })

  test('does not let a write-ahead log of the old database into the new one', async () => {
    await issue(100)
    const { file } = await take()
    await issue(20)
    // As after a power cut: the log is still there, because nobody closed the database.
    const left = join(database.folder, 'left')
    cpSync(where().file, `${left}.db`)
    cpSync(`${where().file}-wal`, `${left}.db-wal`)
    const crashed: Location = { engine: 'sqlite', file: `${left}.db` }
    const aside = await restoreBackup(file, crashed, folder, NOW + 5)
    expect((await booksOf(crashed)).totals).toEqual([{ currency: 'USD', issued: 100, trust: 100 }])
    expect((await booksIn(aside as string)).totals).toEqual([{ currency: 'USD', issued: 120, trust: 120 }])
  })
})

describe.if(engine === 'postgres')('a backup put back on PostgreSQL', () => {
  let other: Awaited<ReturnType<typeof freshPostgres>>
  let there: Location
  beforeEach(async () => {
    other = await freshPostgres(process.env.DATABASE_URL as string)
    there = { engine: 'postgres', url: other.url, connections: 4 }
  })
  afterEach(() => other.drop())

  test('into a new database has the same books to the last entry, and they can be written on', async () => {
    for (const amount of [100, 20, 3]) await issue(amount)
    const { file } = await take()
    await restoreBackup(file, there, folder, NOW)
    const before = await verifyLedger(runtime.store)
    expect(before.ok).toBe(true)
    expect(await booksOf(there)).toEqual(before)
    await runtime.store.close()
    runtime = createTestRuntime({ ...database, location: there })
    await issue(7)
    expect(await verifyLedger(runtime.store)).toMatchObject({
      findings: [],
      totals: [{ currency: 'USD', issued: 130, trust: 130 }],
    })
  })

  test('lets the database hand out numbers above those that were put back', async () => {
    const addWork = (to: Runtime) =>
      to.store.write(async (tx) => {
        const [added] = await tx
          .insert(work)
          .values({
            kind: 'job:test',
            orderingKey: null,
            uniqueKey: null,
            payload: { a: 1 },
            state: 'waiting',
            attempts: 0,
            dueAt: 0,
            leaseUntil: 0,
            lastError: null,
            createdAt: 0,
          })
          .returning({ id: work.id })
        return added?.id as number
      })
    const last = Math.max(await addWork(runtime), await addWork(runtime))
    const { file } = await take()
    await restoreBackup(file, there, folder, NOW)
    const restored = createTestRuntime({ ...database, location: there })
    expect(await addWork(restored)).toBeGreaterThan(last)
    await restored.store.close()
  })

  test('is refused where there are rows already, and changes nothing there', async () => {
    await issue(100)
    const { file } = await take()
    await issue(20)
    const { error, message } = await refusal(restoreBackup(file, database.location, folder, NOW))
    expect(error).toBeInstanceOf(BackupError)
    expect(message).toContain('not empty')
    expect((await verifyLedger(runtime.store)).totals).toEqual([{ currency: 'USD', issued: 120, trust: 120 }])
  })

  test('can be put back on SQLite as well', async () => {
    await issue(100)
    const { file } = await take()
    const { ok, totals } = await verifyLedger(runtime.store)
    const fresh = join(database.folder, 'moved.db')
    await restoreBackup(file, { engine: 'sqlite', file: fresh }, folder, NOW)
    const db = new Database(fresh, { readonly: true })
    const sums = db.query(`select currency, sum(balance) as issued from accounts where kind <> 'trust'`).get()
    db.close()
    expect(ok).toBe(true)
    expect(sums).toEqual({ currency: 'USD', issued: totals[0]?.issued as number })
  })
})
