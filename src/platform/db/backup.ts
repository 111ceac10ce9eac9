/**
 * Backups. A backup is always one SQLite file, whichever engine it was taken from, and it can be restored to either: so
 * one format serves safety, and moving from one machine to PostgreSQL and back. It is taken while the instance serves,
 * from one moment of the database, and counts only once it has been opened and checked.
 */
import { Database } from 'bun:sqlite'
import {
  chmodSync,
  closeSync,
  copyFileSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import type { SQL as BunSql } from 'bun'
import { migrations } from '../../../migrations'
import type { Location } from '.'
import { migratePostgres, migrateSqlite, pendingMigrations } from './migrate'
import { connectPostgres } from './postgres'
import { openSqlite } from './sqlite'

export class BackupError extends Error {
  override name = 'BackupError'
}

const BACKUP_FORM = /^kumbu-\d{4}-\d\d-\d\dT[\d-]+Z\.db$/
const ROWS_AT_ONCE = 500
const HISTORY_TABLE = 'schema_migrations'

export interface BackupReport {
  file: string
  bytes: number
  /** Older backups that were deleted. */
  pruned: string[]
}

const stampOf = (now: number) => new Date(now).toISOString().replaceAll(/[:.]/g, '-')

/** Throws if the copy is not what it should be; the file is then not kept. */
export type Proof = (file: string) => Promise<void>

export async function takeBackup(
  location: Location,
  folder: string,
  keep: number,
  now: number,
  prove: Proof = async () => {},
): Promise<BackupReport> {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const file = join(folder, `kumbu-${stampOf(now)}.db`)
  const part = `${file}.part`
  rmSync(part, { force: true })
  try {
    if (location.engine === 'sqlite') copySqlite(location.file, part)
    else await copyFromPostgres(location.url, part, now)
    checkBackup(part)
    await prove(part)
    chmodSync(part, 0o600)
    syncToDisk(part)
    renameSync(part, file)
    syncToDisk(folder)
  } catch (error) {
    rmSync(part, { force: true })
    throw error
  }
  return { file, bytes: statSync(file).size, pruned: prune(folder, keep) }
}

/** Backups of a folder, newest first. */
export function listBackups(folder: string): string[] {
  if (!existsSync(folder)) return []
  return readdirSync(folder)
    .filter((name) => BACKUP_FORM.test(name))
    .sort()
    .reverse()
    .map((name) => join(folder, name))
}

/** Opens a backup and proves that it is whole, consistent, and one that this executable can use. */
export function checkBackup(file: string): void {
  if (!existsSync(file)) throw new BackupError(`There is no file ${file}.`)
  let db: Database | undefined
  try {
    db = openSqlite(file, { readonly: true })
    const [result] = db.query('PRAGMA integrity_check(1)').all() as Array<{ integrity_check: string }>
    if (result?.integrity_check !== 'ok') throw new BackupError(`${file} is damaged: ${result?.integrity_check}.`)
    const orphans = db.query('PRAGMA foreign_key_check').all()
    if (orphans.length > 0) throw new BackupError(`${file} has ${orphans.length} rows without their parent.`)
    pendingMigrations(
      migrations.sqlite,
      db.query(`SELECT name, checksum FROM ${HISTORY_TABLE} ORDER BY name`).all() as never,
    )
  } catch (error) {
    if ((error as { code?: string }).code?.startsWith('SQLITE_')) {
      throw new BackupError(`${file} is not a backup of Kumbu: ${(error as Error).message}.`)
    }
    throw error
  } finally {
    db?.close()
  }
}

/** Replaces the database by a backup. What was there before is kept aside; answers where. */
export async function restoreBackup(
  file: string,
  location: Location,
  backups: string,
  now: number,
): Promise<string | undefined> {
  checkBackup(file)
  if (location.engine === 'postgres') {
    await copyToPostgres(file, location.url, now)
    return undefined
  }
  let aside: string | undefined
  if (existsSync(location.file)) {
    mkdirSync(backups, { recursive: true, mode: 0o700 })
    aside = join(backups, `before-restore-${stampOf(now)}.db`)
    copySqlite(location.file, aside)
  }
  const part = `${location.file}.part`
  copyFileSync(file, part)
  chmodSync(part, 0o600)
  syncToDisk(part)
  for (const suffix of ['-wal', '-shm']) rmSync(location.file + suffix, { force: true })
  renameSync(part, location.file)
  syncToDisk(dirname(location.file))
  migrateSqlite(location.file, now)
  return aside
}

function copySqlite(from: string, to: string): void {
  if (!existsSync(from)) throw new BackupError(`There is no database at ${from}.`)
  const db = openSqlite(from, { readonly: true })
  try {
    db.run('VACUUM INTO ?', [to])
  } finally {
    db.close()
  }
  asOneFile(to)
}

/** A copy keeps no log beside it: the one file is all there is. */
function asOneFile(file: string): void {
  const db = new Database(file)
  try {
    db.run('PRAGMA journal_mode = DELETE')
  } finally {
    db.close()
  }
}

function syncToDisk(path: string): void {
  const descriptor = openSync(path, 'r')
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

function prune(folder: string, keep: number): string[] {
  const old = listBackups(folder).slice(keep)
  for (const file of old) rmSync(file)
  return old
}

/** Tables in an order in which every row comes after those that it refers to. */
function tablesInOrder(db: Database): string[] {
  const names = (
    db
      .query("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name <> ?")
      .all(HISTORY_TABLE) as Array<{ name: string }>
  ).map(({ name }) => name)
  const parents = (name: string) =>
    (db.query(`PRAGMA foreign_key_list(${name})`).all() as Array<{ table: string }>).map(({ table }) => table)
  const ordered: string[] = []
  const place = (name: string): void => {
    if (ordered.includes(name)) return
    for (const parent of parents(name)) if (parent !== name) place(parent)
    ordered.push(name)
  }
  for (const name of names.sort()) place(name)
  return ordered
}

interface Column {
  name: string
  pk: number
}

const columnsOf = (db: Database, table: string) => db.query(`PRAGMA table_info(${table})`).all() as Column[]

const keyOf = (columns: Column[]) =>
  columns
    .filter(({ pk }) => pk > 0)
    .sort((a, b) => a.pk - b.pk)
    .map(({ name }) => name)
    .join(', ')

async function copyFromPostgres(url: string, file: string, now: number): Promise<void> {
  migrateSqlite(file, now)
  const target = openSqlite(file)
  const client = connectPostgres(url, 1)
  try {
    const history = (await client.unsafe(`SELECT name, checksum FROM ${HISTORY_TABLE} ORDER BY name`)) as never
    const pending = pendingMigrations(migrations.postgres, history)
    if (pending.length > 0) throw new BackupError('The database is not up to date: run kumbu migrate first.')
    target.run('PRAGMA foreign_keys = OFF')
    // One snapshot for all tables; nobody waits for it.
    await client.unsafe('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY')
    for (const table of tablesInOrder(target)) await copyTableOut(client, target, table)
    await client.unsafe('COMMIT')
  } finally {
    target.close()
    await client.close()
  }
  asOneFile(file)
}

async function copyTableOut(client: BunSql, target: Database, table: string): Promise<void> {
  const columns = columnsOf(target, table)
  const insert = target.prepare(`INSERT INTO ${table} VALUES (${columns.map(() => '?').join(', ')})`)
  const integers = new Set(
    (target.query(`PRAGMA table_info(${table})`).all() as Array<{ name: string; type: string }>)
      .filter(({ type }) => /int/i.test(type))
      .map(({ name }) => name),
  )
  const names = columns.map(({ name }) => name)
  await client.unsafe(`DECLARE rows CURSOR FOR SELECT ${names.join(', ')} FROM ${table} ORDER BY ${keyOf(columns)}`)
  for (;;) {
    const rows = (await client.unsafe(`FETCH ${ROWS_AT_ONCE} FROM rows`)) as Array<Record<string, unknown>>
    if (rows.length === 0) break
    target.transaction(() => {
      for (const row of rows) {
        insert.run(
          ...(names.map((name) =>
            integers.has(name) && row[name] !== null ? Number(row[name]) : row[name],
          ) as never[]),
        )
      }
    })()
  }
  await client.unsafe('CLOSE rows')
  // An open statement would keep the file locked after its connection is closed.
  insert.finalize()
}

async function copyToPostgres(file: string, url: string, now: number): Promise<void> {
  await migratePostgres(url, now)
  const source = openSqlite(file, { readonly: true })
  const client = connectPostgres(url, 1)
  try {
    const pending = pendingMigrations(
      migrations.sqlite,
      source.query(`SELECT name, checksum FROM ${HISTORY_TABLE} ORDER BY name`).all() as never,
    )
    if (pending.length > 0)
      throw new BackupError(`${file} is of an older Kumbu: restore it to SQLite first, then back that up.`)
    await client.begin(async (tx) => {
      const tables = tablesInOrder(source)
      for (const table of tables) {
        const [row] = (await tx.unsafe(`SELECT 1 AS found FROM ${table} LIMIT 1`)) as unknown[]
        if (row)
          throw new BackupError(`The PostgreSQL database is not empty (${table} has rows): restore into a new one.`)
      }
      for (const table of tables) await copyTableIn(source, tx, table)
    })
  } finally {
    source.close()
    await client.close()
  }
}

async function copyTableIn(source: Database, tx: BunSql, table: string): Promise<void> {
  const columns = columnsOf(source, table)
  const names = columns.map(({ name }) => name)
  const types = (await tx.unsafe(
    `SELECT column_name AS name, data_type AS type, column_default AS start FROM information_schema.columns
     WHERE table_schema = current_schema() AND table_name = $1`,
    [table],
  )) as Array<{ name: string; type: string; start: string | null }>
  const booleans = new Set(types.filter(({ type }) => type === 'boolean').map(({ name }) => name))
  const read = source.query(`SELECT * FROM ${table} ORDER BY ${keyOf(columns)}`)
  let batch: unknown[][] = []
  const flush = async () => {
    if (batch.length === 0) return
    const values = batch.map((row, r) => `(${row.map((_, c) => `$${r * row.length + c + 1}`).join(', ')})`).join(', ')
    await tx.unsafe(`INSERT INTO ${table} (${names.join(', ')}) VALUES ${values}`, batch.flat() as never[])
    batch = []
  }
  for (const row of read.iterate() as Iterable<Record<string, unknown>>) {
    batch.push(names.map((name) => (booleans.has(name) ? Boolean(row[name]) : row[name])))
    if (batch.length === ROWS_AT_ONCE) await flush()
  }
  await flush()
  for (const { name } of types.filter(({ start }) => start?.startsWith('nextval'))) {
    await tx.unsafe(
      `SELECT setval(pg_get_serial_sequence($1, $2), coalesce((SELECT max(${name}) FROM ${table}), 0) + 1, false)`,
      [table, name],
    )
  }
}
