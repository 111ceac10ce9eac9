/**
 * Brings a database to the shape this executable expects. Each migration is applied once, all pending ones in one
 * transaction, and is remembered with its checksum. A database that a newer Kumbu has changed, or whose history differs
 * from ours, is refused before anything is touched; a SQLite file is copied aside before it is changed.
 */
import type { Database } from 'bun:sqlite'
import { existsSync, mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { SQL as BunSql } from 'bun'
import { migrations as embedded } from '../../../migrations'
import { connectPostgres } from './postgres'
import { openSqlite } from './sqlite'

export interface Migration {
  name: string
  sql: string
}

export interface MigrationReport {
  /** Names of the migrations that were applied, oldest first. */
  applied: string[]
  /** The copy of the database as it was before, if one was made. */
  snapshot?: string
}

/** The database cannot be used by this executable; the message says why and what to do. */
export class MigrationError extends Error {
  override name = 'MigrationError'
}

interface Applied {
  name: string
  checksum: string
}

const BREAKPOINT = '--> statement-breakpoint'
const HISTORY = `CREATE TABLE IF NOT EXISTS schema_migrations (
  name text PRIMARY KEY NOT NULL, checksum text NOT NULL, applied_at bigint NOT NULL)`

export function checksumOf(migration: Migration): string {
  return new Bun.CryptoHasher('sha256').update(migration.sql.replaceAll('\r\n', '\n')).digest('hex')
}

/** The migrations that are still to be applied. Throws if the history is not a beginning of ours. */
export function pendingMigrations(ours: Migration[], applied: Applied[]): Migration[] {
  const known = new Map(ours.map((migration) => [migration.name, migration]))
  for (const { name, checksum } of applied) {
    const migration = known.get(name)
    if (!migration) {
      throw new MigrationError(
        `This database was changed by a newer Kumbu (it has the migration "${name}", which this version does not know). ` +
          'Start that newer version, or restore a backup made with this one.',
      )
    }
    if (checksumOf(migration) !== checksum) {
      throw new MigrationError(
        `The migration "${name}" in this database is not the one in this executable (their checksums differ). ` +
          'Use the executable that created the database, or restore a backup.',
      )
    }
  }
  const done = new Set(applied.map(({ name }) => name))
  const firstPending = ours.findIndex(({ name }) => !done.has(name))
  const pending = firstPending < 0 ? [] : ours.slice(firstPending)
  const late = pending.find(({ name }) => done.has(name))
  if (late) throw new MigrationError(`This database has the migration "${late.name}" but lacks one before it.`)
  return pending
}

function statementsOf(migration: Migration): string[] {
  return migration.sql
    .split(BREAKPOINT)
    .map((statement) => statement.trim())
    .filter((statement) => statement !== '')
}

export function migrateSqlite(
  file: string,
  now: number,
  ours: Migration[] = embedded.sqlite,
  snapshotFolder = join(dirname(file), 'backups'),
): MigrationReport {
  const db = openSqlite(file)
  try {
    return migrateOpenSqlite(db, now, ours, snapshotFolder)
  } finally {
    db.close()
  }
}

function migrateOpenSqlite(db: Database, now: number, ours: Migration[], snapshotFolder: string): MigrationReport {
  const applied = sqliteHistory(db)
  const pending = pendingMigrations(ours, applied)
  if (pending.length === 0) return { applied: [] }
  const report: MigrationReport = { applied: pending.map(({ name }) => name) }
  if (applied.length > 0) report.snapshot = snapshot(db, snapshotFolder, now)
  // Must be off before the transaction begins: rebuilding a table would otherwise delete the rows that refer to it.
  db.run('PRAGMA foreign_keys = OFF')
  db.run('BEGIN IMMEDIATE')
  try {
    db.run(HISTORY)
    for (const migration of pending) {
      for (const statement of statementsOf(migration)) db.run(statement)
      db.run('INSERT INTO schema_migrations VALUES (?, ?, ?)', [migration.name, checksumOf(migration), now])
    }
    const broken = db.query('PRAGMA foreign_key_check').all()
    if (broken.length > 0)
      throw new MigrationError(`The migration would leave ${broken.length} rows without their parent.`)
    db.run('COMMIT')
  } catch (error) {
    if (db.inTransaction) db.run('ROLLBACK')
    throw error
  } finally {
    db.run('PRAGMA foreign_keys = ON')
  }
  return report
}

function sqliteHistory(db: Database): Applied[] {
  const known = db.query("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'schema_migrations'").get()
  if (known) return db.query('SELECT name, checksum FROM schema_migrations ORDER BY name').all() as Applied[]
  const strangers = db.query("SELECT name FROM sqlite_master WHERE type = 'table' LIMIT 1").get()
  if (strangers) throw new MigrationError('The database file has tables but no history: it is not one of Kumbu.')
  return []
}

function snapshot(db: Database, folder: string, now: number): string {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const stamp = new Date(now).toISOString().replaceAll(/[:.]/g, '-')
  const path = join(folder, `before-migration-${stamp}.db`)
  if (!existsSync(path)) db.run('VACUUM INTO ?', [path])
  return path
}

export async function migratePostgres(
  url: string,
  now: number,
  ours: Migration[] = embedded.postgres,
): Promise<MigrationReport> {
  const client = connectPostgres(url, 1)
  try {
    await createHistory(client)
    return await client.begin(async (tx) => {
      // Copies that start together migrate one after another: the second finds nothing left to do.
      await tx.unsafe('LOCK TABLE schema_migrations IN EXCLUSIVE MODE')
      const applied = (await tx.unsafe('SELECT name, checksum FROM schema_migrations ORDER BY name')) as Applied[]
      const pending = pendingMigrations(ours, applied)
      for (const migration of pending) {
        for (const statement of statementsOf(migration)) await tx.unsafe(statement)
        await tx.unsafe('INSERT INTO schema_migrations VALUES ($1, $2, $3)', [
          migration.name,
          checksumOf(migration),
          now,
        ])
      }
      return { applied: pending.map(({ name }) => name) }
    })
  } finally {
    await client.close()
  }
}

/** Two copies may create the table at the same moment; the loser of that race finds it there. */
async function createHistory(client: BunSql): Promise<void> {
  try {
    await client.unsafe(HISTORY)
  } catch (error) {
    const [row] = (await client.unsafe("SELECT to_regclass('schema_migrations') AS found")) as Array<{ found: unknown }>
    if (!row?.found) throw error
  }
}
