/** Migrations: what is applied, what is refused before anything is touched, and what is kept aside. */
import { Database } from 'bun:sqlite'
import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { migrations } from '../../../migrations'
import { engine, MigrationError } from '../../../src/platform/db'
import {
  checksumOf,
  type Migration,
  migratePostgres,
  migrateSqlite,
  pendingMigrations,
} from '../../../src/platform/db/migrate'
import { connectPostgres } from '../../../src/platform/db/postgres'
import { freshPostgres } from '../../support/database'

const NOW = Date.UTC(2026, 10, 24, 9, 30)
const first: Migration = { name: '0000_first', sql: 'CREATE TABLE parents (id integer PRIMARY KEY NOT NULL)' }
const second: Migration = {
  name: '0001_second',
  sql: `CREATE TABLE children (id integer PRIMARY KEY NOT NULL, parent integer NOT NULL REFERENCES parents(id));
--> statement-breakpoint
INSERT INTO parents VALUES (1);
--> statement-breakpoint
INSERT INTO children VALUES (1, 1);`,
}
const third: Migration = { name: '0002_third', sql: 'CREATE TABLE others (id integer PRIMARY KEY NOT NULL)' }

const appliedOf = (...these: Migration[]) => these.map((each) => ({ name: each.name, checksum: checksumOf(each) }))

async function refusal(attempt: () => unknown): Promise<{ error: unknown; message: string }> {
  try {
    await attempt()
  } catch (error) {
    return { error, message: String((error as Error).message) }
  }
  return { error: undefined, message: 'it was not refused' }
}

describe('what is still to be applied', () => {
  test('is everything to a new database, and nothing to one that has it all', () => {
    expect(pendingMigrations([first, second], [])).toEqual([first, second])
    expect(pendingMigrations([first, second], appliedOf(first, second))).toEqual([])
  })

  test('is what comes after the last one that was', () => {
    expect(pendingMigrations([first, second, third], appliedOf(first))).toEqual([second, third])
  })

  test('is refused to a database that a newer Kumbu has changed, with a way out', async () => {
    const { error, message } = await refusal(() => pendingMigrations([first], appliedOf(first, second)))
    expect(error).toBeInstanceOf(MigrationError)
    expect(message).toContain('0001_second')
    expect(message).toContain('newer Kumbu')
  })

  test('is refused when a migration is not the one that was applied', async () => {
    const changed = { ...first, sql: `${first.sql} -- changed` }
    const { error, message } = await refusal(() => pendingMigrations([changed], appliedOf(first)))
    expect(error).toBeInstanceOf(MigrationError)
    expect(message).toContain('checksums differ')
  })

  test('is refused when one before it is missing', async () => {
    const { error, message } = await refusal(() => pendingMigrations([first, second, third], appliedOf(first, third)))
    expect(error).toBeInstanceOf(MigrationError)
    expect(message).toContain('0002_third')
  })

  test('does not depend on how lines end', () => {
    expect(checksumOf({ ...second, sql: second.sql.replaceAll('\n', '\r\n') })).toBe(checksumOf(second))
  })
})

describe('the embedded migrations', () => {
  test('have the same names in the same order for both engines', () => {
    const names = migrations.sqlite.map(({ name }) => name)
    expect(migrations.postgres.map(({ name }) => name)).toEqual(names)
    expect([...names].sort()).toEqual(names)
  })
})

describe.if(engine === 'sqlite')('a SQLite file', () => {
  let folder: string
  let file: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'kumbu-migrate-'))
    file = join(folder, 'kumbu.db')
  })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  function look<Row>(query: string, path = file): Row[] {
    const db = new Database(path)
    try {
      return db.query(query).all() as Row[]
    } finally {
      db.close()
    }
  }
  const change = (statement: string) => {
    const db = new Database(file, { create: true, readwrite: true })
    db.run(statement)
    db.close()
  }
  const tables = (path = file) =>
    look<{ name: string }>(`select name from sqlite_master where type = 'table' order by name`, path).map(
      ({ name }) => name,
    )

  test('that is new gets everything, and is not copied aside: there is nothing to lose', () => {
    expect(migrateSqlite(file, NOW)).toEqual({ applied: migrations.sqlite.map(({ name }) => name) })
    expect(tables()).toContain('accounts')
    expect(existsSync(join(folder, 'backups'))).toBe(false)
    expect(look('select name, applied_at from schema_migrations order by name')).toEqual(
      migrations.sqlite.map(({ name }) => ({ name, applied_at: NOW })),
    )
  })

  test('that has everything is left as it is', () => {
    migrateSqlite(file, NOW)
    expect(migrateSqlite(file, NOW + 1)).toEqual({ applied: [] })
    expect(existsSync(join(folder, 'backups'))).toBe(false)
  })

  test('that has rows is copied aside before it is changed', () => {
    migrateSqlite(file, NOW, [first])
    change('insert into parents values (7)')
    const { applied, snapshot } = migrateSqlite(file, NOW, [first, second])
    expect(applied).toEqual(['0001_second'])
    expect(snapshot).toBe(join(folder, 'backups', 'before-migration-2026-11-24T09-30-00-000Z.db'))
    expect(look('select id from parents order by id')).toEqual([{ id: 1 }, { id: 7 }])
    expect(look('select id from parents', snapshot)).toEqual([{ id: 7 }])
    expect(tables(snapshot)).toEqual(['parents', 'schema_migrations'])
  })

  test('whose migration fails half-way is as it was, and the next try goes on from there', async () => {
    migrateSqlite(file, NOW, [first])
    const broken = { ...third, sql: `${third.sql};\n--> statement-breakpoint\nINSERT INTO nowhere VALUES (1)` }
    const { error } = await refusal(() => migrateSqlite(file, NOW, [first, second, broken]))
    expect(error).toBeDefined()
    expect(tables()).toEqual(['parents', 'schema_migrations'])
    expect(migrateSqlite(file, NOW + 1, [first, second, third]).applied).toEqual(['0001_second', '0002_third'])
  })

  test('in which a migration would leave rows without their parent is refused and as it was', async () => {
    migrateSqlite(file, NOW, [first, second])
    const orphaning = { name: '0002_third', sql: 'DELETE FROM parents' }
    const { error, message } = await refusal(() => migrateSqlite(file, NOW, [first, second, orphaning]))
    expect(error).toBeInstanceOf(MigrationError)
    expect(message).toContain('without their parent')
    expect(look('select id from parents')).toEqual([{ id: 1 }])
    expect(look('select name from schema_migrations')).toHaveLength(2)
  })

  test('in which a migration builds a table anew keeps the rows that refer to it', () => {
    migrateSqlite(file, NOW, [first, second])
    const rebuilding = {
      name: '0002_third',
      sql: `CREATE TABLE new_parents (id integer PRIMARY KEY NOT NULL, name text);
--> statement-breakpoint
INSERT INTO new_parents (id) SELECT id FROM parents;
--> statement-breakpoint
DROP TABLE parents;
--> statement-breakpoint
ALTER TABLE new_parents RENAME TO parents;`,
    }
    expect(migrateSqlite(file, NOW, [first, second, rebuilding]).applied).toEqual(['0002_third'])
    expect(look('select id, parent from children')).toEqual([{ id: 1, parent: 1 }])
  })

  test('of a newer Kumbu is refused before anything is touched', async () => {
    migrateSqlite(file, NOW, [first, second])
    const { error } = await refusal(() => migrateSqlite(file, NOW, [first]))
    expect(error).toBeInstanceOf(MigrationError)
    expect(existsSync(join(folder, 'backups'))).toBe(false)
    expect(tables()).toEqual(['children', 'parents', 'schema_migrations'])
  })

  test('whose history was tampered with is refused', async () => {
    migrateSqlite(file, NOW, [first, second])
    change(`update schema_migrations set checksum = 'another' where name = '0000_first'`)
    const { message } = await refusal(() => migrateSqlite(file, NOW, [first, second, third]))
    expect(message).toContain('0000_first')
    expect(tables()).not.toContain('others')
  })

  test('whose history has a gap is refused', async () => {
    migrateSqlite(file, NOW, [first, second])
    change(`delete from schema_migrations where name = '0000_first'`)
    const { error } = await refusal(() => migrateSqlite(file, NOW, [first, second]))
    expect(error).toBeInstanceOf(MigrationError)
  })

  test('of another program is refused and left alone', async () => {
    change('create table somebody_elses (id integer)')
    const { error, message } = await refusal(() => migrateSqlite(file, NOW))
    expect(error).toBeInstanceOf(MigrationError)
    expect(message).toContain('not one of Kumbu')
    expect(tables()).toEqual(['somebody_elses'])
  })

  test('that is no database is refused and not changed by one byte', async () => {
    const bytes = Buffer.alloc(8_192, 'this is not a database. ')
    writeFileSync(file, bytes)
    const { error } = await refusal(() => migrateSqlite(file, NOW))
    expect(error).toMatchObject({ code: 'SQLITE_NOTADB' })
    expect(readFileSync(file).equals(bytes)).toBe(true)
  })
})

describe.if(engine === 'postgres')('a PostgreSQL database', () => {
  let database: Awaited<ReturnType<typeof freshPostgres>>
  beforeEach(async () => {
    database = await freshPostgres(process.env.DATABASE_URL as string)
  })
  afterEach(() => database.drop())

  async function run<Row>(statement: string): Promise<Row[]> {
    const client = connectPostgres(database.url, 1)
    try {
      return (await client.unsafe(statement)) as Row[]
    } finally {
      await client.close()
    }
  }
  const tables = async () =>
    (
      await run<{ name: string }>(
        `select table_name as name from information_schema.tables where table_schema = 'public' order by 1`,
      )
    ).map(({ name }) => name)

  test('that is new gets everything, once', async () => {
    const names = migrations.postgres.map(({ name }) => name)
    expect(await migratePostgres(database.url, NOW)).toEqual({ applied: names })
    expect(await migratePostgres(database.url, NOW + 1)).toEqual({ applied: [] })
    expect(await tables()).toContain('accounts')
  })

  test('on which several copies start at once is migrated by one of them', async () => {
    const reports = await Promise.all(Array.from({ length: 4 }, () => migratePostgres(database.url, NOW)))
    const applied = reports.map((report) => report.applied.length).sort()
    expect(applied).toEqual([0, 0, 0, migrations.postgres.length])
  })

  test('whose migration fails half-way is as it was, and the next try goes on from there', async () => {
    await migratePostgres(database.url, NOW, [first])
    const broken = { ...third, sql: `${third.sql};\n--> statement-breakpoint\nINSERT INTO nowhere VALUES (1)` }
    const { error } = await refusal(() => migratePostgres(database.url, NOW, [first, second, broken]))
    expect(error).toBeDefined()
    expect(await tables()).toEqual(['parents', 'schema_migrations'])
    expect((await migratePostgres(database.url, NOW, [first, second, third])).applied).toHaveLength(2)
  })

  test('in which a migration would leave rows without their parent is refused and as it was', async () => {
    await migratePostgres(database.url, NOW, [first, second])
    const orphaning = { name: '0002_third', sql: 'DELETE FROM parents' }
    const { message } = await refusal(() => migratePostgres(database.url, NOW, [first, second, orphaning]))
    expect(message).toMatch(/foreign key/)
    expect(await run<object>('select 1 from parents')).toHaveLength(1)
  })

  test('of a newer Kumbu, with another history, or with a gap in it, is refused', async () => {
    await migratePostgres(database.url, NOW, [first, second])
    expect((await refusal(() => migratePostgres(database.url, NOW, [first]))).error).toBeInstanceOf(MigrationError)
    const changed = { ...first, sql: `${first.sql} -- changed` }
    expect((await refusal(() => migratePostgres(database.url, NOW, [changed, second]))).message).toContain('checksums')
    await run(`delete from schema_migrations where name = '0000_first'`)
    expect((await refusal(() => migratePostgres(database.url, NOW, [first, second]))).error).toBeInstanceOf(
      MigrationError,
    )
  })
})
