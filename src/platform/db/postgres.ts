/**
 * The store on PostgreSQL: each unit is one `SERIALIZABLE` transaction on a connection of its own, run again with
 * growing, jittered pauses when the engine reports a conflict (40001, 40P01). Only plain SQL is used, so engines that
 * speak the protocol and offer SERIALIZABLE serve as well.
 */
import { SQL as BunSql } from 'bun'
import type { SQL } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/bun-sql'
import { takePending } from './prepared'
import { type Db, type Store, StoreError, type StoreObserver, type Tx, type Unit } from './store'

export interface PostgresOptions {
  url: string
  observer: StoreObserver
  /** Connections for units, and as many again are not needed for reads: those are short. */
  writers: number
  readers: number
}

interface Connection {
  client: BunSql
  tx: Tx
}

const ATTEMPT_LIMIT = 50
/** Conflicts of one unit before it takes turns. */
const CROWDED_AFTER = 3
const PAUSE_START_MS = 2
const PAUSE_LIMIT_MS = 100
/** How long a unit waits for the server to come back before its caller is told that it is away. */
const OUTAGE_PATIENCE_MS = 3_000
const CONNECT_TIMEOUT_S = 5

const CONFLICTS = new Set(['40001', '40P01'])
/** The connection was lost and replaced within the unit, so nothing of it was kept (see `transact`). */
const REPLACED = new Set(['25006', '25P01'])
/** The server is closing, starting, or out of connections: 57P01 to 57P03, 53300, and class 08. */
const AWAY = /^(57P0[123]|53300|08...)$/

export function createPostgresStore({ url, observer, writers, readers }: PostgresOptions): Store {
  const pool = connectPostgres(url, readers)
  const read = drizzle({ client: pool }) as unknown as Db
  const idle: Connection[] = []
  const callers: Array<(connection: Connection) => void> = []
  const all: Connection[] = []
  let closed = false
  let lane: Promise<unknown> = Promise.resolve()

  function acquire(): Connection | Promise<Connection> {
    const free = idle.pop()
    if (free) return free
    if (all.length < writers) {
      const client = connectPostgres(url, 1, { default_transaction_read_only: 'on' })
      const connection = { client, tx: drizzle({ client }) as unknown as Tx }
      all.push(connection)
      return connection
    }
    return new Promise((resolve) => callers.push(resolve))
  }

  function release(connection: Connection): void {
    const next = callers.shift()
    if (next) next(connection)
    else idle.push(connection)
  }

  async function write<Value>(unit: Unit<Value>): Promise<Value> {
    if (closed) throw new StoreError('database_unavailable', 'The database is closed.')
    const connection = await acquire()
    try {
      return await attempt(connection, unit)
    } finally {
      release(connection)
    }
  }

  async function attempt<Value>(connection: Connection, unit: Unit<Value>): Promise<Value> {
    const startedAt = performance.now()
    for (let tries = 1; ; tries++) {
      try {
        const value =
          tries > CROWDED_AFTER ? await inLane(() => transact(connection, unit)) : await transact(connection, unit)
        observer.batch(1, performance.now() - startedAt)
        return value
      } catch (error) {
        const code = sqlState(error)
        if (CONFLICTS.has(code)) {
          observer.retry()
          if (tries >= ATTEMPT_LIMIT) {
            throw new StoreError('database_busy', 'Too many changes of the same rows at once; try again.', {
              cause: error,
            })
          }
        } else if (
          (isAway(error) || REPLACED.has(code)) &&
          !(error instanceof CommitUnknown) &&
          performance.now() - startedAt < OUTAGE_PATIENCE_MS
        ) {
          await Bun.sleep(PAUSE_LIMIT_MS)
        } else {
          throw asPostgresStoreError(error)
        }
        const ceiling = Math.min(PAUSE_LIMIT_MS, PAUSE_START_MS * 2 ** Math.min(tries, 8))
        await Bun.sleep(Math.random() * ceiling)
      }
    }
  }

  /** Units that keep running into others take turns, so that they at least do not run into each other. */
  function inLane<Value>(work: () => Promise<Value>): Promise<Value> {
    const turn = lane.then(work)
    lane = turn.catch(() => undefined)
    return turn
  }

  /**
   * The driver replaces a lost connection by itself, and the rest of a unit would then run outside any transaction. The
   * server prevents it: outside one these connections may only read, and `COMMIT AND CHAIN`, unlike `COMMIT`, is an error
   * where there is nothing to commit. The transaction that it chains on is ended at once.
   */
  async function transact<Value>({ client, tx }: Connection, unit: Unit<Value>): Promise<Value> {
    // Not waited for: it goes out together with the unit's first query, which fails if this does.
    const begun = client`BEGIN ISOLATION LEVEL SERIALIZABLE READ WRITE`.execute()
    let value: Value
    try {
      value = await unit(tx)
      await begun
      await Promise.all(takePending(tx))
    } catch (thrown) {
      await begun.catch(() => undefined)
      const error = await firstFailure(takePending(tx), thrown)
      await client`ROLLBACK`.catch(() => undefined)
      throw error
    }
    try {
      const committed = client`COMMIT AND CHAIN`.execute()
      client`ROLLBACK`.execute().catch(() => undefined)
      await committed
    } catch (error) {
      await client`ROLLBACK`.catch(() => undefined)
      // Whether the server kept the change is unknown: running the unit again could do it twice.
      if (isAway(error)) throw new CommitUnknown(error)
      throw error
    }
    return value
  }

  /** After a failed write the server refuses everything with one and the same code: the first failure is the cause. */
  async function firstFailure(writes: Array<Promise<unknown>>, otherwise: unknown): Promise<unknown> {
    for (const outcome of await Promise.allSettled(writes)) if (outcome.status === 'rejected') return outcome.reason
    return otherwise
  }

  return {
    engine: 'postgres',
    read,
    write,
    settled: () => false,
    // Nothing is ever remembered here, so nothing has to wait to be dropped.
    afterwards: (_, act) => act(),
    rows: async <Row>(db: Db, query: SQL) =>
      (await (db as unknown as { execute(query: SQL): Promise<Row[]> }).execute(query)) as Row[],
    ping: async () => {
      await pool.unsafe('SELECT 1')
    },
    close: async () => {
      closed = true
      await Promise.all([pool, ...all.map(({ client }) => client)].map((client) => client.close({ timeout: 5 })))
    },
  }
}

export function connectPostgres(url: string, max: number, settings: Record<string, string> = {}): BunSql {
  return new BunSql({
    connection: settings,
    url,
    max,
    connectionTimeout: CONNECT_TIMEOUT_S,
    idleTimeout: 0,
    maxLifetime: 0,
  })
}

class CommitUnknown extends Error {
  constructor(cause: unknown) {
    super('The connection was lost while committing.', { cause })
  }
}

function causes(error: unknown): unknown[] {
  return error instanceof Error ? [error, ...causes(error.cause)] : []
}

function sqlState(error: unknown): string {
  for (const each of causes(error)) {
    const { errno, code } = each as { errno?: unknown; code?: unknown }
    if (typeof errno === 'string' && errno.length === 5) return errno
    if (typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code)) return code
  }
  return ''
}

function isAway(error: unknown): boolean {
  if (AWAY.test(sqlState(error))) return true
  return causes(error).some((each) => {
    const code = String((each as { code?: unknown }).code ?? '')
    return /CONNECTION|ECONNREFUSED|ECONNRESET|EPIPE|TIMEOUT/.test(code)
  })
}

export function asPostgresStoreError(error: unknown): unknown {
  if (error instanceof CommitUnknown) {
    return new StoreError(
      'database_unavailable',
      'The connection was lost while the change was being kept: repeat it with the same Idempotency-Key to learn its outcome.',
      { cause: error },
    )
  }
  if (isAway(error) || REPLACED.has(sqlState(error))) {
    return new StoreError('database_unavailable', 'The database cannot be reached.', { cause: error })
  }
  if (sqlState(error) === '53100')
    return new StoreError('storage_full', 'The database server’s disk is full.', { cause: error })
  return error
}
