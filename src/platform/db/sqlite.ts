/**
 * The store on an embedded SQLite file: one writing connection, one reading connection, and group commit.
 *
 * Units that arrive in the same turn of the event loop run one after another in one `BEGIN IMMEDIATE` transaction and
 * are answered together, after its one `COMMIT` has reached the disk (`synchronous=FULL`). A batch first runs without
 * savepoints, because nearly every unit succeeds; if one throws, the whole batch is undone and run again with each unit
 * in a savepoint of its own, so that only the one at fault is lost.
 */
import { Database, SQLiteError } from 'bun:sqlite'
import type { SQL } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/bun-sqlite'
import { routePrepared } from './prepared'
import {
  type Db,
  type Reader,
  type Store,
  StoreError,
  type StoreErrorCode,
  type StoreObserver,
  type Tx,
  type Unit,
  UnitContractError,
} from './store'

export interface SqliteOptions {
  /** Path of the database file; it must exist and be migrated. */
  file: string
  observer: StoreObserver
  /** Throw when a unit awaits anything but its own queries. On outside production. */
  strictUnits: boolean
}

interface Waiting {
  unit: Unit<unknown>
  resolve(value: unknown): void
  reject(reason: unknown): void
}
type Outcome = { ok: true; value: unknown } | { ok: false; error: unknown }

/** Units in one transaction at the most: enough to share the cost of a commit, few enough to keep its delay short. */
const BATCH_LIMIT = 256
const BUSY_TIMEOUT_MS = 5_000
const WRITER_CACHE_KIB = 32_768
const READER_CACHE_KIB = 8_192
/** Pages in the write-ahead log before it is folded back: the more, the fewer writes of a page that changes often. */
const CHECKPOINT_PAGES = 8_000

export function openSqlite(file: string, options: { readonly?: boolean; cacheKib?: number } = {}): Database {
  const db = options.readonly
    ? new Database(file, { readonly: true, strict: true })
    : new Database(file, { create: true, readwrite: true, strict: true })
  // busy_timeout first: the pragmas after it may already meet another process.
  db.run(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`)
  if (!options.readonly) db.run('PRAGMA journal_mode = WAL')
  db.run('PRAGMA synchronous = FULL')
  db.run('PRAGMA foreign_keys = ON')
  db.run(`PRAGMA cache_size = -${options.cacheKib ?? READER_CACHE_KIB}`)
  db.run(`PRAGMA wal_autocheckpoint = ${CHECKPOINT_PAGES}`)
  return db
}

export function createSqliteStore({ file, observer, strictUnits }: SqliteOptions): Store {
  const writer = openSqlite(file, { cacheKib: WRITER_CACHE_KIB })
  const reader = openSqlite(file, { readonly: true })
  const tx = drizzle({ client: writer }) as unknown as Tx
  const read = drizzle({ client: reader }) as unknown as Db

  let waiting: Waiting[] = []
  let draining: Promise<void> | undefined
  let writing = false
  let endings: Array<() => void> = []
  let closed = false

  function write<Value>(unit: Unit<Value>): Promise<Value> {
    if (closed) return Promise.reject(new StoreError('database_unavailable', 'The database is closed.'))
    return new Promise<Value>((resolve, reject) => {
      waiting.push({ unit, resolve: resolve as (value: unknown) => void, reject })
      draining ??= gathered().then(drain)
    })
  }

  /** Ends when a turn of the event loop has brought nothing more: whoever is on the way shares the commit. */
  async function gathered(): Promise<void> {
    for (let before = 0; waiting.length > before && waiting.length < BATCH_LIMIT; ) {
      before = waiting.length
      await new Promise<void>((resolve) => setImmediate(resolve))
    }
  }

  // Between transactions the writing connection sees what is committed and nothing else, and its cache is warm; the
  // reading connection has to fetch anew whatever was written. So hot reads use the first while no transaction is open.
  const committed = tx as unknown as Db
  routePrepared(read, () => (writing ? read : committed))

  async function drain(): Promise<void> {
    writing = true
    while (waiting.length > 0) {
      const batch = waiting.slice(0, BATCH_LIMIT)
      waiting = waiting.slice(BATCH_LIMIT)
      await commit(batch)
    }
    draining = undefined
    writing = false
  }

  async function commit(batch: Waiting[]): Promise<void> {
    const startedAt = performance.now()
    try {
      const outcomes = (await runBatch(batch, runTogether)) ?? (await runBatch(batch, runApart))
      end()
      observer.batch(batch.length, performance.now() - startedAt)
      batch.forEach(({ resolve, reject }, i) => {
        const outcome = outcomes?.[i]
        if (outcome?.ok) resolve(outcome.value)
        else reject(asSqliteStoreError(outcome?.error))
      })
    } catch (error) {
      undo()
      end()
      const reason = asSqliteStoreError(error)
      for (const { reject } of batch) reject(reason)
    }
  }

  /** Answers nothing when the batch was undone and has to be run in the other way. */
  async function runBatch(
    batch: Waiting[],
    run: (batch: Waiting[]) => Promise<Outcome[] | undefined>,
  ): Promise<Outcome[] | undefined> {
    writer.run('BEGIN IMMEDIATE')
    const outcomes = await run(batch)
    if (outcomes) writer.run('COMMIT')
    else writer.run('ROLLBACK')
    return outcomes
  }

  async function runTogether(batch: Waiting[]): Promise<Outcome[] | undefined> {
    const outcomes: Outcome[] = []
    for (const { unit } of batch) {
      const outcome = await settle(unit)
      if (!outcome.ok && storageFault(outcome.error)) throw outcome.error
      if (!outcome.ok) return undefined
      outcomes.push(outcome)
    }
    return outcomes
  }

  async function runApart(batch: Waiting[]): Promise<Outcome[]> {
    const outcomes: Outcome[] = []
    for (const { unit } of batch) {
      writer.run('SAVEPOINT unit')
      const outcome = await settle(unit)
      if (!outcome.ok && storageFault(outcome.error)) throw outcome.error
      if (!outcome.ok) writer.run('ROLLBACK TO unit')
      writer.run('RELEASE unit')
      outcomes.push(outcome)
    }
    return outcomes
  }

  async function settle(unit: Unit<unknown>): Promise<Outcome> {
    if (!strictUnits) return outcomeOf(unit)
    // A unit that awaits only its own queries ends within this turn of the event loop, before the immediate fires.
    let turn: ReturnType<typeof setImmediate> | undefined
    const turnEnded = new Promise<Outcome>((resolve) => {
      turn = setImmediate(() => resolve({ ok: false, error: new UnitContractError() }))
    })
    const outcome = await Promise.race([outcomeOf(unit), turnEnded])
    clearImmediate(turn)
    return outcome
  }

  async function outcomeOf(unit: Unit<unknown>): Promise<Outcome> {
    try {
      return { ok: true, value: await unit(tx) }
    } catch (error) {
      return { ok: false, error }
    }
  }

  function end(): void {
    const due = endings
    endings = []
    for (const act of due) act()
  }

  function undo(): void {
    if (!writer.inTransaction) return
    try {
      writer.run('ROLLBACK')
    } catch {
      // SQLite has already rolled back by itself, as it does when the disk is full.
    }
  }

  /** Leaves one complete file behind; on a full disk the log stays beside it, which loses nothing. */
  function tidy(): void {
    try {
      writer.run('PRAGMA optimize')
      // Statements that are still prepared would keep the log from being folded in by closing.
      writer.run('PRAGMA wal_checkpoint(TRUNCATE)')
    } catch (error) {
      if (!storageFault(error)) throw error
    }
  }

  return {
    engine: 'sqlite',
    read,
    write,
    settled: () => !writing,
    afterwards: (_, act) => void endings.push(act),
    rows: async <Row>(db: Db, query: SQL) => (db as unknown as { all(query: SQL): Row[] }).all(query),
    ping: async () => {
      reader.query('SELECT 1').get()
    },
    close: async () => {
      await draining
      closed = true
      reader.close()
      tidy()
      writer.close()
    },
  }
}

/** A file to look into, and never to change: for proving and for checks. */
export function openSqliteReader(file: string): Reader & { close(): void } {
  const db = openSqlite(file, { readonly: true })
  return {
    engine: 'sqlite',
    read: drizzle({ client: db }) as unknown as Db,
    rows: async <Row>(on: Db, query: SQL) => (on as unknown as { all(query: SQL): Row[] }).all(query),
    close: () => db.close(),
  }
}

function storageFault(error: unknown): boolean {
  return asSqliteStoreError(error) instanceof StoreError
}

const CODES: ReadonlyArray<[prefix: string, code: StoreErrorCode, message: string]> = [
  ['SQLITE_FULL', 'storage_full', 'The disk is full: nothing of the change was kept.'],
  ['SQLITE_READONLY', 'storage_read_only', 'The data folder cannot be written to: nothing of the change was kept.'],
  ['SQLITE_CANTOPEN', 'storage_failed', 'The database file could not be opened.'],
  ['SQLITE_CORRUPT', 'storage_corrupt', 'The database file is damaged.'],
  ['SQLITE_NOTADB', 'storage_corrupt', 'The database file is not a database.'],
  ['SQLITE_IOERR', 'storage_failed', 'The disk reported an error: nothing of the change was kept.'],
  ['SQLITE_BUSY', 'database_busy', 'Another process holds the database.'],
]

/** Turns a fault of the disk or the file into a `StoreError`; every other error stays what it is. */
export function asSqliteStoreError(error: unknown): unknown {
  const cause = error instanceof Error && error.cause instanceof SQLiteError ? error.cause : error
  if (!(cause instanceof SQLiteError) || !cause.code) return error
  for (const [prefix, code, message] of CODES) {
    if (cause.code.startsWith(prefix)) return new StoreError(code, message, { cause })
  }
  return error
}
