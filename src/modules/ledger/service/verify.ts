/**
 * Proves the books from nothing: every figure is computed again from the entries, by the database itself, on either
 * engine. Each check names what differs. It changes nothing and may run beside a serving instance.
 */
import { type SQL, sql } from 'drizzle-orm'
import type { Db, Reader } from '../../../platform/db'
import { MARK_EVERY } from './queries'

export interface Finding {
  check: string
  /** The transfer, account or hold that it is about. */
  subject: string
  detail: string
}

export interface LedgerReport {
  ok: boolean
  findings: Finding[]
  accounts: number
  transfers: number
  entries: number
  /** What was issued and what the trust account holds against it, by currency. */
  totals: Array<{ currency: string; issued: number; trust: number }>
}

interface Check {
  name: string
  /** Rows of `subject` and `detail`, one for each thing that is wrong. */
  query: SQL
}

/** Enough to see what is wrong; a broken book may have millions. */
const FINDINGS_LIMIT = 20

const MARK_EVERY_SQL = sql.raw(String(MARK_EVERY))

const checks: Check[] = [
  {
    name: 'a transfer’s entries sum to zero in each currency',
    query: sql`
      select e.transfer_id as subject, 'the entries in ' || a.currency || ' sum to ' || sum(e.amount) as detail
      from entries e join accounts a on a.id = e.account_id
      group by e.transfer_id, a.currency having sum(e.amount) <> 0`,
  },
  {
    name: 'a transfer has entries, all in its currency',
    query: sql`
      select t.id as subject, 'it has ' || count(e.account_id) || ' entries, of which ' ||
        coalesce(sum(case when a.currency = t.currency then 1 else 0 end), 0) || ' are in ' || t.currency as detail
      from transfers t left join entries e on e.transfer_id = t.id left join accounts a on a.id = e.account_id
      group by t.id, t.currency
      having count(e.account_id) < 2 or sum(case when a.currency = t.currency then 1 else 0 end) <> count(e.account_id)`,
  },
  {
    name: 'whatever is referred to is there',
    query: sql`
      select t.id as subject, 'an account of this transfer is not there' as detail
      from transfers t left join accounts d on d.id = t.debit_account_id left join accounts c on c.id = t.credit_account_id
      where d.id is null or c.id is null
      union all
      select e.transfer_id as subject, 'an entry has no transfer, or no account ' || e.account_id as detail
      from entries e left join transfers t on t.id = e.transfer_id left join accounts a on a.id = e.account_id
      where t.id is null or a.id is null`,
  },
  {
    name: 'each entry follows the one before it',
    query: sql`
      select e.account_id as subject, 'entry ' || e.number || ' (' || e.transfer_id || ') has the balance ' || e.balance ||
        ', but the one before it leads to ' || (coalesce(p.balance, 0) + e.amount) as detail
      from entries e left join entries p on p.transfer_id = e.previous_transfer_id and p.account_id = e.account_id
      where e.balance <> coalesce(p.balance, 0) + e.amount
        or e.number <> coalesce(p.number, 0) + 1
        or e.at < coalesce(p.at, 0)
        or (e.previous_transfer_id is null) <> (p.transfer_id is null)`,
  },
  {
    name: 'an account’s balance is the sum of its entries',
    query: sql`
      select a.id as subject, 'the balance is ' || a.balance || ', its entries sum to ' || coalesce(sum(e.amount), 0) as detail
      from accounts a left join entries e on e.account_id = a.id
      group by a.id, a.balance having a.balance <> coalesce(sum(e.amount), 0)`,
  },
  {
    name: 'an account’s entries are numbered without a gap',
    query: sql`
      select a.id as subject, 'it counts ' || a.entry_count || ' entries, there are ' || count(e.number) || ' up to number ' ||
        coalesce(max(e.number), 0) as detail
      from accounts a left join entries e on e.account_id = a.id
      group by a.id, a.entry_count
      having a.entry_count <> count(e.number) or a.entry_count <> coalesce(max(e.number), 0) or count(distinct e.number) <> count(e.number)`,
  },
  {
    name: 'an account’s last entry is the one it names',
    query: sql`
      select a.id as subject, 'it names ' || coalesce(a.last_transfer_id, 'none') || ' as its last transfer' as detail
      from accounts a left join entries e on e.account_id = a.id and e.transfer_id = a.last_transfer_id
      where coalesce(e.number, 0) <> a.entry_count or (a.last_transfer_id is null) <> (a.entry_count = 0)`,
  },
  {
    name: 'what is held is the sum of the open holds',
    query: sql`
      select a.id as subject, a.held || ' is held, the open holds sum to ' || coalesce(sum(h.amount - h.captured), 0) as detail
      from accounts a left join holds h on h.account_id = a.id and h.state = 'open'
      group by a.id, a.held having a.held <> coalesce(sum(h.amount - h.captured), 0)`,
  },
  {
    name: 'no account is under its holds',
    query: sql`
      select id as subject, 'the balance is ' || balance || ' and ' || held || ' is held' as detail
      from accounts where held < 0 or (balance < held and not may_overdraw)`,
  },
  {
    name: 'all accounts of a currency sum to zero',
    query: sql`
      select currency as subject, 'the balances sum to ' || sum(balance) as detail
      from accounts group by currency having sum(balance) <> 0`,
  },
  {
    name: 'a reversal is the exact opposite of its transfer',
    query: sql`
      select r.id as subject, 'on ' || o.account_id || ' the transfer booked ' || o.amount || ', the reversal ' ||
        coalesce(e.amount, 0) as detail
      from transfers r join entries o on o.transfer_id = r.reversal_of
      left join entries e on e.transfer_id = r.id and e.account_id = o.account_id
      where o.amount + coalesce(e.amount, 0) <> 0`,
  },
  {
    name: 'the marks stand where the entries do',
    query: sql`
      select e.account_id as subject, 'the mark of entry ' || e.number || ' is missing or wrong' as detail
      from entries e left join entry_marks m
        on m.account_id = e.account_id and m.number = e.number and m.transfer_id = e.transfer_id and m.at = e.at
      where e.number % ${MARK_EVERY_SQL} = 0 and m.account_id is null
      union all
      select m.account_id as subject, 'there is a mark at ' || m.number || ', where none belongs' as detail
      from entry_marks m left join entries e
        on e.account_id = m.account_id and e.transfer_id = m.transfer_id and e.number = m.number
      where e.account_id is null or m.number % ${MARK_EVERY_SQL} <> 0`,
  },
]

/** The triggers that refuse changes of what was booked; without them nothing above is worth much. */
const GUARDS = [
  'transfers_no_update',
  'transfers_no_delete',
  'entries_no_update',
  'entries_no_delete',
  'entry_marks_no_update',
  'entry_marks_no_delete',
  'audit_log_no_update',
  'audit_log_no_delete',
  'accounts_no_delete',
  'accounts_identity',
  'holds_no_delete',
  'holds_ended',
]

/** The rules that every row of the books must keep, by their names in the schema. */
const CONSTRAINTS = [
  'accounts_held',
  'accounts_available',
  'accounts_range',
  'accounts_state',
  'transfers_amount',
  'transfers_fee',
  'entries_amount',
  'holds_amount',
  'holds_state',
]

export async function verifyLedger(store: Reader, db: Db = store.read): Promise<LedgerReport> {
  const findings: Finding[] = []
  for (const { name, query } of checks) {
    const rows = await store.rows<{ subject: string; detail: string }>(
      db,
      sql`select subject, detail from (${query}) wrong order by subject limit ${FINDINGS_LIMIT}`,
    )
    for (const { subject, detail } of rows) findings.push({ check: name, subject, detail })
  }
  findings.push(...(await missingGuards(store, db)))
  const counted = async (table: string) => {
    const [row] = await store.rows<{ n: number | string }>(db, sql`select count(*) as n from ${sql.raw(table)}`)
    return Number(row?.n ?? 0)
  }
  return {
    ok: findings.length === 0,
    findings,
    accounts: await counted('accounts'),
    transfers: await counted('transfers'),
    entries: await counted('entries'),
    totals: await totals(store, db),
  }
}

async function missingGuards(store: Reader, db: Db): Promise<Finding[]> {
  const triggers =
    store.engine === 'sqlite'
      ? sql`select name from sqlite_master where type = 'trigger'`
      : sql`select tgname as name from pg_trigger where not tgisinternal and tgenabled <> 'D'`
  // SQLite keeps a constraint only in the words that made its table.
  const constraints =
    store.engine === 'sqlite'
      ? sql`select sql as name from sqlite_master where type = 'table'`
      : sql`select conname as name from pg_constraint where convalidated`
  const present = await store.rows<{ name: string }>(db, triggers)
  const rules = await store.rows<{ name: string }>(db, constraints)
  const missing = [
    ...GUARDS.filter((guard) => !present.some(({ name }) => name === guard)),
    ...CONSTRAINTS.filter((rule) => !rules.some(({ name }) => name === rule || name?.includes(`"${rule}"`))),
  ]
  return missing.map((subject) => ({
    check: 'the database refuses changes of what was booked',
    subject,
    detail: 'this trigger or rule is missing or switched off',
  }))
}

async function totals(store: Reader, db: Db): Promise<LedgerReport['totals']> {
  const rows = await store.rows<{ currency: string; issued: number | string; trust: number | string }>(
    db,
    sql`
      select currency,
        coalesce(sum(case when kind <> 'trust' then balance else 0 end), 0) as issued,
        coalesce(sum(case when kind = 'trust' then -balance else 0 end), 0) as trust
      from accounts group by currency order by currency`,
  )
  return rows.map(({ currency, issued, trust }) => ({ currency, issued: Number(issued), trust: Number(trust) }))
}
