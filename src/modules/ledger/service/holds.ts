/** Money set aside: it stays the owner’s, but nothing else can use it until the hold ends. */
import { and, asc, eq, lte, sql } from 'drizzle-orm'
import type { Db, Tx } from '../../../platform/db'
import { forUpdate } from '../../../platform/db/dialect'
import { fail, ok, type Result } from '../../../platform/result'
import type { Runtime } from '../../../platform/runtime'
import type { LedgerCode } from '../failures'
import { accounts, holds } from '../schema'
import { lockAccounts } from './queries'

export type Hold = typeof holds.$inferSelect

export interface HoldInput {
  accountId: string
  amount: number
  purpose: string
  expiresAt: number
}

type HoldRefusal = Extract<LedgerCode, 'account_not_found' | 'account_frozen' | 'account_closed' | 'insufficient_funds'>
type ReleaseRefusal = Extract<LedgerCode, 'hold_not_found' | 'hold_ended'>

export interface Holds {
  hold(tx: Tx, input: HoldInput): Promise<Result<Hold, HoldRefusal>>
  release(tx: Tx, holdId: string, as?: 'released' | 'expired'): Promise<Result<Hold, ReleaseRefusal>>
  /** Ends the holds of a purpose whose time is over; answers them. */
  expireDue(tx: Tx, purpose: string, limit: number): Promise<Hold[]>
  get(db: Db, holdId: string): Promise<Hold | undefined>
  lock(tx: Tx, holdId: string): Promise<Hold | undefined>
  noteCapture(tx: Tx, hold: Hold, amount: number, ended: boolean): Promise<void>
}

export function createHolds({ clock, newId }: Runtime): Holds {
  async function changeHeld(tx: Tx, accountId: string, by: number): Promise<void> {
    await tx
      .update(accounts)
      .set({ held: sql`${accounts.held} + ${by}` })
      .where(eq(accounts.id, accountId))
  }

  async function end(tx: Tx, hold: Hold, state: 'released' | 'expired'): Promise<Hold> {
    const endedAt = clock()
    await tx.update(holds).set({ state, endedAt }).where(eq(holds.id, hold.id))
    await changeHeld(tx, hold.accountId, hold.captured - hold.amount)
    return { ...hold, state, endedAt }
  }

  async function lock(tx: Tx, holdId: string): Promise<Hold | undefined> {
    const [hold] = await forUpdate(tx.select().from(holds).where(eq(holds.id, holdId)))
    return hold
  }

  return {
    lock,

    async hold(tx, { accountId, amount, purpose, expiresAt }) {
      const account = (await lockAccounts(tx, [accountId])).get(accountId)
      if (!account) return fail('account_not_found')
      if (account.state === 'frozen') return fail('account_frozen')
      if (account.state === 'closed') return fail('account_closed')
      const available = account.balance - account.held
      if (available < amount && !account.mayOverdraw) return fail('insufficient_funds', undefined, { available })
      const hold: Hold = {
        id: newId('hld'),
        accountId,
        amount,
        captured: 0,
        state: 'open',
        purpose,
        expiresAt,
        createdAt: clock(),
        endedAt: null,
      }
      await tx.insert(holds).values(hold)
      await changeHeld(tx, accountId, amount)
      return ok(hold)
    },

    async release(tx, holdId, as = 'released') {
      const hold = await lock(tx, holdId)
      if (!hold) return fail('hold_not_found')
      if (hold.state !== 'open') return fail('hold_ended')
      return ok(await end(tx, hold, as))
    },

    async expireDue(tx, purpose, limit) {
      const due = await forUpdate(
        tx
          .select()
          .from(holds)
          .where(and(eq(holds.purpose, purpose), eq(holds.state, 'open'), lte(holds.expiresAt, clock())))
          .orderBy(asc(holds.expiresAt))
          .limit(limit),
      )
      const ended: Hold[] = []
      for (const hold of due) ended.push(await end(tx, hold, 'expired'))
      return ended
    },

    async get(db, holdId) {
      const [hold] = await db.select().from(holds).where(eq(holds.id, holdId))
      return hold
    },

    async noteCapture(tx, hold, amount, ended) {
      await tx
        .update(holds)
        .set({
          captured: hold.captured + amount,
          ...(ended ? { state: 'captured', endedAt: clock() } : {}),
        })
        .where(eq(holds.id, hold.id))
    },
  }
}
