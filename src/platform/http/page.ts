/** Lists: `?limit&cursor` in, `{items, nextCursor}` out. A cursor is opaque to clients and is only ever one of ours. */
import { type TSchema, Type } from '@sinclair/typebox'
import { t } from 'elysia'
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

export function limitOf(query: { limit?: number | undefined }): number {
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
