/**
 * Hot queries: built once by Drizzle, compiled once for each connection, and then run without Drizzle in between. Built
 * anew each time, a query costs several times the work of the database itself; even prepared, Drizzle's mapping of
 * parameters and rows costs as much again as SQLite's work, so the mapping is worked out here ahead of time.
 */
import type { Statement } from 'bun:sqlite'
import type { SQL as BunSql } from 'bun'
import { Column, is, Param, Placeholder, sql } from 'drizzle-orm'
import { engine } from './engine'
import type { Db } from './store'

/** Runs the query on a connection: the `tx` of a unit, or `store.read`. */
export type Prepared<Params, Result> = (db: Db, params: Params) => Result | PromiseLike<Result>

/** What a query answers that returns no rows: how many it wrote. */
export interface Changes {
  changes: number
}

/** The parts of what Drizzle's `prepare()` makes that are used here; a test holds them against the installed version. */
interface DrizzlePrepared {
  query?: { sql: string; params: unknown[] }
  queryString?: string
  params?: unknown[]
  fields?: Array<{ path: string[]; field: unknown }>
  stmt?: Statement
  client?: BunSql
}

type Params = Record<string, unknown>
type Decode = ((raw: unknown) => unknown) | undefined
type Run = (params: Params) => unknown

const connections = new WeakMap<Db, () => Db>()

/** Makes `db` stand for whichever connection `current` answers at the moment of a query. */
export function routePrepared(db: Db, current: () => Db): void {
  connections.set(db, current)
}

/**
 * @example
 * const byId = prepared<{ id: string }, Account[]>('account_by_id', (db, $) =>
 *   db.select().from(accounts).where(eq(accounts.id, $('id'))))
 * const [account] = await byId(tx, { id })
 */
export function prepared<Values extends Params, Result>(
  name: string,
  build: (db: Db, $: <Name extends keyof Values & string>(name: Name) => Placeholder<Name>) => PromiseLike<unknown>,
): Prepared<Values, Result> {
  const compiled = new WeakMap<Db, Run>()
  return (db, params) => {
    const connection = connections.get(db)?.() ?? db
    let run = compiled.get(connection)
    if (!run) {
      const built = build(connection, (placeholder) => sql.placeholder(placeholder))
      run = compile((built as unknown as { prepare(name?: string): DrizzlePrepared }).prepare(name))
      compiled.set(connection, run)
    }
    return run(params) as Result | PromiseLike<Result>
  }
}

const pending = new WeakMap<Db, Array<Promise<unknown>>>()

/** Writes of a unit that nobody has waited for yet, oldest first. They are waited for before the commit. */
export function takePending(tx: Db): Array<Promise<unknown>> {
  const taken = pending.get(tx) ?? []
  pending.delete(tx)
  return taken
}

/**
 * A write whose outcome the unit does not ask for. PostgreSQL gets it at once but is not waited for, so the writes of a
 * unit share one round trip; whatever comes after it on the connection is done after it, and one that fails undoes the
 * unit.
 */
export function preparedWrite<Values extends Params>(
  name: string,
  build: (db: Db, $: <Name extends keyof Values & string>(name: Name) => Placeholder<Name>) => PromiseLike<unknown>,
): (tx: Db, params: Values) => void {
  const run = prepared<Values, Changes>(name, build)
  return (tx, params) => {
    const written = run(tx, params)
    if (!(written instanceof Promise)) return
    // It is looked at later; until then a failure must not count as overlooked.
    written.catch(() => undefined)
    const others = pending.get(tx)
    if (others) others.push(written)
    else pending.set(tx, [written])
  }
}

function compile(query: DrizzlePrepared): Run {
  const bind = binder(query.query?.params ?? query.params ?? [])
  if (engine === 'postgres') {
    const { client, queryString = '', fields } = query
    if (!client) throw new Error('The prepared query has no connection.')
    if (!fields) {
      return async (params) => {
        const { count } = (await client.unsafe(queryString, bind(params) as never[])) as { count: number }
        return { changes: count }
      }
    }
    const toRow = rowMapper(fields)
    return async (params) => {
      const rows = (await client.unsafe(queryString, bind(params) as never[]).values()) as unknown[][]
      return rows.map(toRow)
    }
  }
  const { stmt, fields } = query
  if (!stmt) throw new Error('The prepared query has no statement.')
  if (!fields) {
    return (params) => {
      const { changes } = stmt.run(...(bind(params) as never[]))
      return { changes }
    }
  }
  const toRow = rowMapper(fields)
  return (params) => stmt.values(...(bind(params) as never[])).map(toRow)
}

/** Puts the values into the order and the form in which the driver takes them. */
function binder(wanted: unknown[]): (params: Params) => unknown[] {
  const sources = wanted.map((each): { name?: string; fixed?: unknown; encode?: (value: unknown) => unknown } => {
    if (is(each, Placeholder)) return { name: each.name }
    if (is(each, Param) && is(each.value, Placeholder)) {
      const { encoder } = each
      const plain = is(encoder, Column) && encoder.mapToDriverValue === Column.prototype.mapToDriverValue
      return plain
        ? { name: each.value.name }
        : { name: each.value.name, encode: (value) => encoder.mapToDriverValue(value) }
    }
    return { fixed: is(each, Param) ? each.encoder.mapToDriverValue(each.value) : each }
  })
  return (params) => {
    const values = new Array<unknown>(sources.length)
    for (let i = 0; i < sources.length; i++) {
      const { name, fixed, encode } = sources[i] as (typeof sources)[number]
      if (name === undefined) values[i] = fixed
      else if (params[name] === undefined) throw new Error(`No value for "${name}" was given.`)
      else values[i] = encode ? encode(params[name]) : params[name]
    }
    return values
  }
}

function rowMapper(fields: Array<{ path: string[]; field: unknown }>): (row: unknown[]) => unknown {
  const names = fields.map(({ path }) => {
    if (path.length !== 1) throw new Error('A prepared query answers flat rows.')
    return path[0] as string
  })
  const decoders = fields.map(({ field }) => decoderOf(field))
  return (row) => {
    const out: Record<string, unknown> = {}
    for (let i = 0; i < names.length; i++) {
      const raw = row[i]
      const decode = decoders[i]
      out[names[i] as string] = decode && raw !== null ? decode(raw) : raw
    }
    return out
  }
}

/** How a column's value is read; nothing where it is taken as it comes. */
function decoderOf(field: unknown): Decode {
  if (is(field, Column)) {
    if (field.mapFromDriverValue === Column.prototype.mapFromDriverValue) return undefined
    return (raw) => field.mapFromDriverValue(raw)
  }
  const { decoder } = field as { decoder?: { mapFromDriverValue(raw: unknown): unknown } }
  return decoder && ((raw) => decoder.mapFromDriverValue(raw))
}
