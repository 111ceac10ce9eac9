/**
 * The deposit of an appointment: held on the customer's wallet, and later either paid out or given back, once. Money that
 * cannot be moved any more (the hold has run out, an account is frozen or closed) never keeps an appointment from ending:
 * the deposit is then `uncollected`, and nothing of it stays held. What was paid out by mistake can be refunded.
 */
import { and, asc, eq, inArray, lte, sql } from 'drizzle-orm'
import type { Db, Tx } from '../../../platform/db'
import { forUpdate } from '../../../platform/db/dialect'
import { fail, ok, type Result } from '../../../platform/result'
import type { Runtime } from '../../../platform/runtime'
import type { Identity, User } from '../../identity'
import { type Ledger, legsOf, type PostingCode } from '../../ledger'
import type { Wallet } from '../../wallet'
import type { DepositOutcome } from '../events'
import { appointments } from '../schema'
import type { AppointmentRow } from './rows'
import type { ServiceRow } from './service-rows'
import { DAY_MS } from './time'

export interface Ended {
  changes: Partial<AppointmentRow>
  outcome: DepositOutcome
  /** Who got it, if it was kept and is not the operator’s. */
  payeeId?: string
}

type RefundCode = PostingCode | 'deposit_not_kept' | 'payee_short_of_funds'

export interface Deposits {
  /** Sets the deposit aside; what it answers belongs into the row. Changes nothing if it is refused. */
  take(
    tx: Tx,
    user: Pick<User, 'id' | 'role'>,
    deposit: { amount: number; currency: string; endsAt: number },
  ): Promise<Result<Partial<AppointmentRow>, PostingCode>>
  /** The hold of an appointment that is moved must outlive it; made anew if it would not. */
  carryOver(tx: Tx, row: AppointmentRow, endsAt: number): Promise<Result<Partial<AppointmentRow>, PostingCode>>
  /** Pays it to whom the service says. */
  keep(tx: Tx, row: AppointmentRow, service: ServiceRow | undefined): Promise<Ended>
  giveBack(tx: Tx, row: AppointmentRow): Promise<Ended>
  /** Takes what was kept back from whoever got it. */
  refund(tx: Tx, row: AppointmentRow): Promise<Result<Partial<AppointmentRow>, RefundCode>>
  /**
   * Lets go, in a batch each, of what is held of appointments of which nobody has said for so long how they ended, and of
   * holds that have run out before that; answers how many they were.
   */
  expireDue(): Promise<number>
}

const PURPOSE = 'appointment'
/** How long after the end somebody may still say whether the customer came. */
const HELD_AFTER_MS = 30 * DAY_MS
const LEAST_AFTER_MS = 7 * DAY_MS
const EXPIRE_AT_ONCE = 200

const NOTHING: Ended = { changes: {}, outcome: 'none' }

export function createDeposits(
  { store, clock }: Runtime,
  { identity, ledger, wallet }: { identity: Identity; ledger: Ledger; wallet: Wallet },
): Deposits {
  /** The account that is paid: the payee's, or where the operator's earnings are. */
  async function creditAccount(
    tx: Tx,
    row: AppointmentRow,
    payeeId: string | null,
    debitId: string,
  ): Promise<{ creditAccountId: string; payee?: Pick<Ended, 'payeeId'> }> {
    const user = payeeId === null ? undefined : await identity.userIn(tx, payeeId)
    if (!user) return { creditAccountId: await ledger.system(tx, 'fees', row.currency, debitId) }
    return { creditAccountId: await wallet.accountOf(tx, user, row.currency), payee: { payeeId: user.id } }
  }

  async function letGo(tx: Tx, holdId: string): Promise<boolean> {
    const released = await ledger.release(tx, holdId)
    return released.ok
  }

  async function giveBack(tx: Tx, row: AppointmentRow): Promise<Ended> {
    if (row.depositState !== 'held' || row.holdId === null) return NOTHING
    // If the hold has ended by itself, the customer has the money already.
    const depositState = (await letGo(tx, row.holdId)) ? 'released' : 'uncollected'
    return { changes: { depositState }, outcome: 'returned' }
  }

  /** An appointment may have been moved to long before the end of its hold. */
  const unsettled = (db: Db) =>
    db
      .select({ id: appointments.id, holdId: appointments.holdId })
      .from(appointments)
      .where(and(sql`${appointments.depositState} = 'held'`, lte(appointments.endsAt, clock() - HELD_AFTER_MS)))
      .orderBy(asc(appointments.endsAt))
      .limit(EXPIRE_AT_ONCE)

  async function letGoOfUnsettled(): Promise<number> {
    // A look costs no write, and mostly there is nothing.
    if ((await unsettled(store.read)).length === 0) return 0
    return store.write(async (tx) => {
      const rows = await forUpdate(unsettled(tx), 'skip locked')
      for (const { holdId } of rows) if (holdId !== null) await letGo(tx, holdId)
      const ids = rows.map(({ id }) => id)
      if (ids.length > 0)
        await tx.update(appointments).set({ depositState: 'uncollected' }).where(inArray(appointments.id, ids))
      return ids.length
    })
  }

  const endRunOut = () =>
    store.write(async (tx) => {
      const ended = await ledger.expireHolds(tx, PURPOSE, EXPIRE_AT_ONCE)
      const ids = ended.map(({ id }) => id)
      if (ids.length === 0) return 0
      await tx
        .update(appointments)
        .set({ depositState: 'uncollected' })
        .where(and(inArray(appointments.holdId, ids), eq(appointments.depositState, 'held')))
      return ids.length
    })

  return {
    async take(tx, user, { amount, currency, endsAt }) {
      if (amount === 0) return ok({ deposit: 0, depositState: 'none', holdId: null })
      const accountId = await wallet.accountOf(tx, user, currency)
      const held = await ledger.hold(tx, { accountId, amount, purpose: PURPOSE, expiresAt: endsAt + HELD_AFTER_MS })
      if (!held.ok) return held
      return ok({ deposit: amount, depositState: 'held', holdId: held.value.id })
    },

    async carryOver(tx, row, endsAt) {
      if (row.depositState !== 'held' || row.holdId === null) return ok({})
      const hold = await ledger.getHold(tx, row.holdId)
      if (!hold || hold.expiresAt >= endsAt + LEAST_AFTER_MS) return ok({})
      // Looked at before anything is let go: what was held covers the new hold, so only its state can stand in the way.
      const account = (await ledger.lockOfOwner(tx, row.userId)).find(({ id }) => id === hold.accountId)
      if (account?.state !== 'active') return fail(account?.state === 'closed' ? 'account_closed' : 'account_frozen')
      if (!(await letGo(tx, row.holdId))) return ok({ depositState: 'uncollected' })
      const { accountId, amount } = hold
      const held = await ledger.hold(tx, { accountId, amount, purpose: PURPOSE, expiresAt: endsAt + HELD_AFTER_MS })
      if (!held.ok) throw new Error(`What was just released cannot be held: ${held.code}.`)
      return ok({ holdId: held.value.id })
    },

    async keep(tx, row, service) {
      if (row.depositState !== 'held' || row.holdId === null) return NOTHING
      const hold = await ledger.getHold(tx, row.holdId)
      if (!hold) throw new Error(`The deposit of ${row.id} has no hold.`)
      const { creditAccountId, payee } = await creditAccount(tx, row, service?.payeeId ?? null, hold.accountId)
      // Named as the payee after the booking: nobody pays themselves.
      if (creditAccountId === hold.accountId) return giveBack(tx, row)
      const posted = await ledger.capture(tx, {
        holdId: hold.id,
        type: 'merchantpay',
        amount: row.deposit,
        currency: row.currency,
        debitAccountId: hold.accountId,
        creditAccountId,
        legs: legsOf(
          { accountId: hold.accountId, amount: -row.deposit },
          { accountId: creditAccountId, amount: row.deposit },
        ),
      })
      if (posted.ok) {
        const transferId = posted.value.transfer.id
        return { changes: { depositState: 'captured', transferId }, outcome: 'kept', ...payee }
      }
      await letGo(tx, hold.id)
      return { changes: { depositState: 'uncollected' }, outcome: 'returned' }
    },

    giveBack,

    async refund(tx, row) {
      if (row.depositState !== 'captured' || row.transferId === null) return fail('deposit_not_kept')
      const reversed = await ledger.reverse(tx, row.transferId)
      if (reversed.ok) return ok({ depositState: 'refunded' })
      const { code } = reversed
      if (code === 'insufficient_funds') return fail('payee_short_of_funds')
      if (code === 'transfer_not_found' || code === 'already_reversed' || code === 'not_reversible')
        throw new Error(`The deposit of ${row.id} cannot be given back: ${code}.`)
      return fail(code)
    },

    expireDue: async () => (await letGoOfUnsettled()) + (await endRunOut()),
  }
}
