/** Lists: `?limit&cursor` in, `{items, nextCursor}` out. A cursor is opaque to clients and is only ever one of ours. */
import { type TSchema, Type } from '@sinclair/typebox'
import { t } from 'elysia'
import { idForm } from '../ids'
import { httpProblem } from './problem'

const PAGE_LIMIT = 100
const PAGE_DEFAULT = 50

export const pageQuery = {
  limit: Type.Optional(
    // Elysia's own: it reads numbers out of the text of an address.
    t.Integer({ minimum: 1, maximum: PAGE_LIMIT, default: PAGE_DEFAULT, description: 'Rows on this page.' }),
  ),
  cursor: Type.Optional(Type.String({ maxLength: 200, description: 'The nextCursor of the page before.' })),
}

export function pageOf<Item extends TSchema>(item: Item, examples?: unknown[]) {
  return Type.Object(
    { items: Type.Array(item), nextCursor: Type.Union([Type.String(), Type.Null()]) },
    examples ? { examples } : {},
  )
}

export interface PageQuery {
  limit?: number | undefined
  cursor?: string | undefined
}

export interface Page<Row> {
  items: Row[]
  nextCursor: string | null
}

/** A page of a list whose positions are its rows’ ids. `read` gets one row more than is shown: it tells whether there is another page. */
export async function pageOfRows<Row extends { id: string }>(
  query: PageQuery,
  prefix: string,
  read: (limit: number, after: string | undefined) => Promise<Row[]>,
): Promise<Page<Row>> {
  const limit = limitOf(query)
  const rows = await read(limit + 1, decodeCursor(query.cursor, idForm(prefix)))
  return pageFrom(rows, limit, ({ id }) => id)
}

/** A page from its rows and, if there are more, one that is not on it. */
export function pageFrom<Row>(rows: readonly Row[], limit: number, positionOf: (row: Row) => string): Page<Row> {
  const items = rows.slice(0, limit)
  const last = items.at(-1)
  return { items, nextCursor: rows.length > limit && last ? encodeCursor(positionOf(last)) : null }
}

export function limitOf(query: PageQuery): number {
  return query.limit ?? PAGE_DEFAULT
}

export function encodeCursor(position: string): string {
  return Buffer.from(position).toString('base64url')
}

/** The position a cursor stands for, if it has the form that this list's positions have. */
export function decodeCursor(cursor: string | undefined, form: RegExp): string | undefined {
  if (cursor === undefined) return undefined
  const position = Buffer.from(cursor, 'base64url').toString()
  if (!form.test(position)) throw httpProblem('cursor_invalid')
  return position
}
