/**
 * What an account has been through. Its entries are a chain from the newest back, so a page is a walk along it; a moment
 * in the past is found from the nearest mark after it, at most `MARK_EVERY` steps away, however long the chain is.
 */
import { and, asc, eq, gt, sql } from 'drizzle-orm'
import type { Runtime } from '../../../platform/runtime'
import { entryMarks } from '../schema'
import { accountById, MARK_EVERY } from './queries'

export interface StatementRow {
  transferId: string
  type: string
  /** Signed: positive is money in. */
  amount: number
  /** The account’s balance after it. */
  balance: number
  fee: number
  currency: string
  number: number
  debitAccountId: string
  creditAccountId: string
  reversalOf: string | null
  at: number
}

export interface StatementQuery {
  accountId: string
  limit: number
  /** Start behind this transfer of the account, going back. */
  after?: string | undefined
  /** Inclusive and exclusive, in milliseconds. */
  from?: number | undefined
  to?: number | undefined
  type?: string | undefined
}

export interface Statements {
  /** Newest first. `next` is the transfer to go on behind; `null` at the account’s beginning. */
  statement(query: StatementQuery): Promise<{ rows: StatementRow[]; next: string | null }>
  /** What one transfer did to the account; nothing if it did not touch it. */
  entry(accountId: string, transferId: string): Promise<StatementRow | undefined>
  /** The balance as it was at a moment, all entries up to and including it. */
  balanceAt(accountId: string, moment: number): Promise<number>
}

/** Entries that one request walks past at the most, looking for those of a type. */
const WALK_LIMIT = 5_000

export function createStatements({ store }: Runtime): Statements {
  /**
   * Up to `limit` entries of the account from the given transfer back. The joins are written as CROSS JOIN because SQLite
   * then keeps their order; left to choose, it reads all transfers to find a page of them.
   */
  async function walk(accountId: string, start: string, limit: number): Promise<StatementRow[]> {
    const rows = await store.rows<Record<keyof StatementRow, string | number | null>>(
      store.read,
      sql`
        with recursive walk(transfer_id, account_id, number, amount, balance, previous_transfer_id, at, step) as (
          select transfer_id, account_id, number, amount, balance, previous_transfer_id, at, 1
          from entries where transfer_id = ${start} and account_id = ${accountId}
          union all
          select e.transfer_id, e.account_id, e.number, e.amount, e.balance, e.previous_transfer_id, e.at, w.step + 1
          from walk w cross join entries e
          where e.transfer_id = w.previous_transfer_id and e.account_id = w.account_id and w.step < ${limit}
        )
        select w.transfer_id as "transferId", t.type, w.amount, w.balance, t.fee, t.currency, w.number,
          t.debit_account_id as "debitAccountId", t.credit_account_id as "creditAccountId",
          t.reversal_of as "reversalOf", w.at
        from walk w cross join transfers t
        where t.id = w.transfer_id
        order by w.step`,
    )
    return rows.map((row) => ({
      ...(row as unknown as StatementRow),
      amount: Number(row.amount),
      balance: Number(row.balance),
      fee: Number(row.fee),
      number: Number(row.number),
      at: Number(row.at),
    }))
  }

  /** The transfer from which a walk back soon meets the moment. */
  async function startFor(accountId: string, moment: number): Promise<string | null> {
    const [mark] = await store.read
      .select({ transferId: entryMarks.transferId })
      .from(entryMarks)
      .where(and(eq(entryMarks.accountId, accountId), gt(entryMarks.at, moment)))
      .orderBy(asc(entryMarks.number))
      .limit(1)
    if (mark) return mark.transferId
    const [account] = await accountById(store.read, { id: accountId })
    return account?.lastTransferId ?? null
  }

  /** The account’s last entry at the moment or before it. */
  async function entryAt(accountId: string, moment: number): Promise<StatementRow | undefined> {
    const start = await startFor(accountId, moment)
    if (start === null) return undefined
    const rows = await walk(accountId, start, MARK_EVERY + 1)
    return rows.find(({ at }) => at <= moment)
  }

  async function beginning({ accountId, after, to }: StatementQuery): Promise<string | null> {
    if (after !== undefined) return (await walk(accountId, after, 2))[1]?.transferId ?? null
    if (to !== undefined) return (await entryAt(accountId, to - 1))?.transferId ?? null
    const [account] = await accountById(store.read, { id: accountId })
    return account?.lastTransferId ?? null
  }

  return {
    async statement(query) {
      const { accountId, limit, from = Number.NEGATIVE_INFINITY, type } = query
      const rows: StatementRow[] = []
      let next = await beginning(query)
      let last: string | null = null
      for (let walked = 0; next !== null && rows.length < limit && walked < WALK_LIMIT; ) {
        // One entry more than fits tells whether there is another page.
        const size: number = type === undefined ? limit + 1 : 200
        const part = await walk(accountId, next, size)
        walked += part.length
        next = null
        for (const row of part) {
          if (row.at < from) return { rows, next: null }
          if (rows.length === limit) return { rows, next: last }
          last = row.transferId
          if (type === undefined || row.type === type) rows.push(row)
        }
        if (part.length === size) next = (await walk(accountId, last as string, 2))[1]?.transferId ?? null
      }
      return { rows, next: next === null ? null : last }
    },

    entry: async (accountId, transferId) => (await walk(accountId, transferId, 1))[0],

    async balanceAt(accountId, moment) {
      return (await entryAt(accountId, moment))?.balance ?? 0
    },
  }
}
