/** Books without the rest of Kumbu: a ledger on a fresh database, and the words in which its tests speak. */
import { Database } from 'bun:sqlite'
import { sql } from 'drizzle-orm'
import { type AccountKindName, createLedger, type Posted, verifyLedger } from '../../../src/modules/ledger'
import type { Tx } from '../../../src/platform/db'
import { connectPostgres } from '../../../src/platform/db/postgres'
import { freshDatabase } from '../../support/database'
import { createTestRuntime, testClock } from '../../support/world'

export type Books = Awaited<ReturnType<typeof openBooks>>

export interface Movement {
  from: string
  to: string
  amount: number
  currency?: string
  type?: 'transfer' | 'deposit' | 'withdrawal'
}

export async function openBooks() {
  const database = await freshDatabase()
  const clock = testClock()
  const runtime = createTestRuntime(database, clock)
  const { store } = runtime
  const ledger = createLedger(runtime)
  let owners = 0

  /** An account of an owner of its own. */
  function open(kind: AccountKindName, currency = 'USD'): Promise<string> {
    owners += 1
    const ownerId = `owner_${owners}`
    return store.write((tx) => ledger.ensure(tx, { ownerId, kind, currency }))
  }

  const moveIn = (tx: Tx, { from, to, amount, currency = 'USD', type = 'transfer' }: Movement) =>
    ledger.transfer(tx, {
      type,
      amount,
      currency,
      debitAccountId: from,
      creditAccountId: to,
      legs: [
        { accountId: from, amount: -amount },
        { accountId: to, amount },
      ],
    })

  const move = (movement: Movement) => store.write((tx) => moveIn(tx, movement))

  /** A movement that must succeed. */
  async function moved(movement: Movement): Promise<Posted> {
    const result = await move(movement)
    if (!result.ok) throw new Error(result.code)
    return result.value
  }

  /** A customer with money that a trust account was debited for. */
  async function customer(money: number, currency = 'USD'): Promise<string> {
    const id = await open('customer', currency)
    if (money > 0) await moved({ from: await open('trust', currency), to: id, amount: money, currency })
    return id
  }

  async function stateOf(id: string): Promise<{ balance: number; held: number; count: number }> {
    const [row] = await rows<{ balance: number; held: number; n: number }>(
      `select balance, held, entry_count as n from accounts where id = '${id}'`,
    )
    if (!row) throw new Error(`There is no account ${id}.`)
    return { balance: Number(row.balance), held: Number(row.held), count: Number(row.n) }
  }

  const rows = <Row>(statement: string): Promise<Row[]> => store.rows<Row>(store.read, sql.raw(statement))

  /** A statement in a unit, as a careless caller could write it. */
  const inUnit = (statement: string) => store.write((tx) => store.rows(tx, sql.raw(statement)))

  /** Statements over a connection of their own, as somebody with the database’s keys could send them. */
  async function behindOurBack(...statements: string[]): Promise<void> {
    if (database.location.engine === 'sqlite') {
      const db = new Database(database.location.file)
      db.run('PRAGMA busy_timeout = 5000')
      try {
        for (const statement of statements) db.run(statement)
      } finally {
        db.close()
      }
      return
    }
    const client = connectPostgres(database.location.url, 1)
    try {
      for (const statement of statements) await client.unsafe(statement)
    } finally {
      await client.close()
    }
  }

  return {
    database,
    clock,
    runtime,
    store,
    ledger,
    open,
    customer,
    move,
    moveIn,
    moved,
    stateOf,
    rows,
    inUnit,
    behindOurBack,
    verify: () => verifyLedger(store),
    async end() {
      await store.close()
      await database.drop()
    },
  }
}

/** The words of an error and of everything that caused it. */
export async function whyRefused(attempt: Promise<unknown>): Promise<string> {
  try {
    await attempt
  } catch (error) {
    const words: string[] = []
    for (let each: unknown = error; each instanceof Error; each = each.cause) words.push(each.message)
    return words.join('\n')
  }
  return 'it was not refused'
}
