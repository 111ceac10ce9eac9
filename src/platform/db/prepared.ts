/**
 * Hot queries are built once by Drizzle and kept prepared on each connection: built anew each time they cost several
 * times the work of the database itself.
 */
import { type Placeholder, sql } from 'drizzle-orm'
import { engine } from './engine'
import type { Db } from './store'

interface Preparable<Result> extends PromiseLike<Result> {
  prepare(name?: string): { execute(values?: Record<string, unknown>): PromiseLike<Result> }
}

/** Runs the prepared query on a connection (the `tx` of a unit, or `store.read`). */
export type Prepared<Params, Result> = (db: Db, params: Params) => PromiseLike<Result>

/**
 * @example
 * const byId = prepared<{ id: string }, Account[]>('account_by_id', (db, $) =>
 *   db.select().from(accounts).where(eq(accounts.id, $('id'))))
 * const [account] = await byId(tx, { id })
 */
export function prepared<Params extends Record<string, unknown>, Result>(
  name: string,
  build: (db: Db, $: <Name extends keyof Params & string>(name: Name) => Placeholder<Name>) => PromiseLike<Result>,
): Prepared<Params, Result> {
  const onConnection = new WeakMap<Db, ReturnType<Preparable<Result>['prepare']>>()
  return (db, params) => {
    let query = onConnection.get(db)
    if (!query) {
      const built = build(db, (placeholder) => sql.placeholder(placeholder)) as Preparable<Result>
      query = engine === 'postgres' ? built.prepare(name) : built.prepare()
      onConnection.set(db, query)
    }
    return query.execute(params)
  }
}
