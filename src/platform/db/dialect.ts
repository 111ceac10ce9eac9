/**
 * The words in which every table of Kumbu is described: one description, typed as SQLite's and built for the engine
 * that this process speaks. Amounts and moments are integers (minor units; milliseconds since 1970) on both engines, so
 * that a row reads the same wherever it lies.
 */
import { type SQL, sql } from 'drizzle-orm'
import * as pg from 'drizzle-orm/pg-core'
import * as sqlite from 'drizzle-orm/sqlite-core'
import { engine } from './engine'

const onPostgres = engine === 'postgres'

export const table = (onPostgres ? pg.pgTable : sqlite.sqliteTable) as unknown as typeof sqlite.sqliteTable
export const index = (onPostgres ? pg.index : sqlite.index) as typeof sqlite.index
export const uniqueIndex = (onPostgres ? pg.uniqueIndex : sqlite.uniqueIndex) as typeof sqlite.uniqueIndex
export const primaryKey = (onPostgres ? pg.primaryKey : sqlite.primaryKey) as typeof sqlite.primaryKey
export const check = (onPostgres ? pg.check : sqlite.check) as typeof sqlite.check
export const foreignKey = (onPostgres ? pg.foreignKey : sqlite.foreignKey) as typeof sqlite.foreignKey

// SQLite’s columns, from which the types of both engines’ are taken.
const sqliteText = (name: string) => sqlite.text(name)
const sqliteInteger = (name: string) => sqlite.integer(name)
const sqliteBoolean = (name: string) => sqlite.integer(name, { mode: 'boolean' })
const sqliteSerial = (name: string) => sqlite.integer(name).primaryKey()

/** A piece of text, or a prefixed identifier such as `usr_01j9…` (see `platform/ids.ts`). */
export const text = (onPostgres ? (name: string) => pg.text(name) : sqliteText) as unknown as typeof sqliteText

/** A whole number within ±(2^53-1). */
export const int = (onPostgres
  ? (name: string) => pg.bigint(name, { mode: 'number' })
  : sqliteInteger) as unknown as typeof sqliteInteger

/** An amount in minor units of its row's currency. */
export const money = int

/** A moment, in milliseconds since 1970-01-01T00:00:00Z. */
export const time = int

export const bool = (onPostgres ? (name: string) => pg.boolean(name) : sqliteBoolean) as unknown as typeof sqliteBoolean

/** A number that the database hands out in rising order; the table's primary key. */
export const serial = (onPostgres
  ? (name: string) => pg.bigserial(name, { mode: 'number' }).primaryKey()
  : sqliteSerial) as unknown as typeof sqliteSerial

const jsonText = {
  sqlite: sqlite.customType<{ data: unknown; driverData: string }>({
    dataType: () => 'text',
    toDriver: (value) => JSON.stringify(value),
    fromDriver: (value) => JSON.parse(value),
  }),
  postgres: pg.customType<{ data: unknown; driverData: string }>({
    dataType: () => 'text',
    toDriver: (value) => JSON.stringify(value),
    fromDriver: (value) => JSON.parse(value),
  }),
}

/** A JSON document kept as text, the same bytes on both engines. */
export const json = (name: string) =>
  (onPostgres ? jsonText.postgres(name) : jsonText.sqlite(name)) as unknown as ReturnType<typeof jsonText.sqlite>

/** `count(*)` and `sum(…)` as numbers: PostgreSQL hands them out as text. */
export const count = () => sql<number>`count(*)`.mapWith(Number)
export const sum = (of: SQL | sqlite.AnySQLiteColumn) => sql<number>`coalesce(sum(${of}), 0)`.mapWith(Number)

/** Locks the selected rows until the unit ends. SQLite has one writer at a time and needs no word for it. */
export function forUpdate<Query>(query: Query, how?: 'skip locked'): Query {
  if (!onPostgres) return query
  const lockable = query as { for(strength: 'update', options?: { skipLocked: boolean }): Query }
  return how === 'skip locked' ? lockable.for('update', { skipLocked: true }) : lockable.for('update')
}
