/** A page of a list whose rows are told apart by their ids. */
import { decodeCursor, encodeCursor, limitOf } from '../../../platform/http/page'

interface Query {
  limit?: number | undefined
  cursor?: string | undefined
}

export interface Page<Row> {
  items: Row[]
  nextCursor: string | null
}

/** One row more than is shown tells whether there is another page. */
export async function pageOfRows<Row extends { id: string }>(
  query: Query,
  prefix: string,
  read: (limit: number, after: string | undefined) => Promise<Row[]>,
): Promise<Page<Row>> {
  const limit = limitOf(query)
  const rows = await read(limit + 1, decodeCursor(query.cursor, new RegExp(`^${prefix}_[0-9a-z]{20}$`)))
  return cut(rows, limit, ({ id }) => id)
}

export function cut<Row>(rows: Row[], limit: number, positionOf: (row: Row) => string): Page<Row> {
  const items = rows.slice(0, limit)
  const last = items.at(-1)
  return { items, nextCursor: rows.length > limit && last ? encodeCursor(positionOf(last)) : null }
}
