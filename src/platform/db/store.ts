/**
 * The face of the database. `write` is the only way to change anything; `read` sees only what is committed. A module
 * writes its queries once, in Drizzle, with `await`, and they run on either engine.
 */
import type { SQL } from 'drizzle-orm'
import type { BunSQLiteDatabase } from 'drizzle-orm/bun-sqlite'
import type { Engine } from './engine'

/** A place where queries run: the read side of the store, or the transaction of a unit. Always `await` its queries. */
export type Db = Omit<BunSQLiteDatabase, 'transaction' | 'run' | 'all' | 'get' | 'values' | '$client'>
/** The transaction that a unit works in. Its queries are the only thing a unit may await. */
export type Tx = Db & { readonly [unitBrand]: true }
declare const unitBrand: unique symbol

/**
 * A change, whole or not at all. It may be run more than once before it is kept (a retry after a conflict), so it has no
 * effect outside its transaction, and it answers an expected failure as a value. It awaits nothing but its own
 * queries: no network, no password hashing, no timer.
 */
export type Unit<Value> = (tx: Tx) => Promise<Value>

/** What only looks. */
export interface Reader {
  readonly engine: Engine
  readonly read: Db
  /** Rows of a query that Drizzle has no builder for, such as a recursive one. */
  rows<Row>(db: Db, query: SQL): Promise<Row[]>
}

export interface Store extends Reader {
  /** Answers when the unit's effects are on the disk. Throws a `StoreError` when they could not be. */
  write<Value>(unit: Unit<Value>): Promise<Value>
  /**
   * Whether a row that is read now may be remembered: nobody but this process writes here, and no unit is under way.
   * Always false on PostgreSQL, where other copies write too.
   */
  settled(): boolean
  /** Runs `act` as soon as the transaction of the unit has ended, before anybody is answered. For dropping what was remembered. */
  afterwards(tx: Tx, act: () => void): void
  /** Answers if the database can be reached, and throws if it cannot. */
  ping(): Promise<void>
  close(): Promise<void>
}

/** What the store tells of itself, for metrics and logs. */
export interface StoreObserver {
  /** A transaction ended: how many units it held and how long it took, in milliseconds. */
  batch(units: number, durationMs: number): void
  /** A unit was run again after a conflict with another one. */
  retry(): void
}

export const silentObserver: StoreObserver = { batch() {}, retry() {} }

export type StoreErrorCode =
  | 'database_unavailable'
  | 'database_busy'
  | 'storage_full'
  | 'storage_read_only'
  | 'storage_corrupt'
  | 'storage_failed'

/** The database did not keep a change or could not be read, for a reason outside the program. */
export class StoreError extends Error {
  constructor(
    readonly code: StoreErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options)
    this.name = 'StoreError'
  }
}

/** A unit broke its contract: it waited for something other than its own queries. A bug in the caller. */
export class UnitContractError extends Error {
  constructor() {
    super(
      'A unit awaited something other than its own queries (a timer, the network, a hash, or another unit). ' +
        'Do that before or after store.write, and pass tx down instead of nesting units.',
    )
    this.name = 'UnitContractError'
  }
}
