/**
 * Cash-out by one-time token. A request holds the amount and its fee on the customer’s wallet; whoever validates the
 * token captures the hold in one movement: the customer pays, the payer’s float is credited, fee and commission are
 * booked. An unused token is cancelled by its owner or expires; a payment whose dispenser failed is reversed.
 */
import { and, desc, eq, inArray, lt } from 'drizzle-orm'
import type { Tx } from '../../platform/db'
import { forUpdate } from '../../platform/db/dialect'
import type { Events, EventType } from '../../platform/events'
import type { Write } from '../../platform/http/idempotency'
import { iso, isoOrNull } from '../../platform/moment'
import { share } from '../../platform/money'
import { type Qr, renderQr } from '../../platform/qr'
import { fail, ok, type Result } from '../../platform/result'
import type { Runtime } from '../../platform/runtime'
import { type Identity, isOfTill, isOwner, type User } from '../identity'
import { type HoldCode, type Ledger, legsOf } from '../ledger'
import type { Wallet } from '../wallet'
import {
  type WithdrawalFacts,
  withdrawalCancelled,
  withdrawalExpired,
  withdrawalPaid,
  withdrawalRequested,
  withdrawalReversed,
} from './events'
import type { WithdrawalCode } from './failures'
import { withdrawals } from './schema'
import { createTerminals } from './terminals'
import { newToken, parseToken, qrText } from './token'

export type WithdrawalRow = typeof withdrawals.$inferSelect

export interface WithdrawalOptions {
  currency: string
  ttlMs: number
  feeBps: number
  /** The paying agent’s share of the fee. */
  commissionBps: number
}

export interface RequestInput {
  userId: string
  amount: number
  currency?: string | undefined
  pin: string
  /** The token goes to the customer’s own phone or mail too. */
  sendCode?: boolean | undefined
}

export interface RequestedWithdrawal {
  id: string
  token: string
  qr: Qr
  amount: number
  currency: string
  fee: number
  expiresAt: string
  status: 'requested'
}

export interface PaidWithdrawal {
  id: string
  status: 'paid'
  amount: number
  currency: string
  customer: { name: string }
  commission: number
  paidAt: string
}

export type WithdrawalStatus = 'requested' | 'paid' | 'cancelled' | 'expired' | 'reversed'

export interface WithdrawalView {
  id: string
  status: WithdrawalStatus
  amount: number
  currency: string
  fee: number
  expiresAt: string
  createdAt: string
  paidAt: string | null
}

/** Whoever asks: the customer, or the agent or ATM at the till. */
export interface Asker {
  userId: string
  role: string
  /** From where. */
  address?: string
}

export interface Withdrawals {
  request(input: RequestInput, write: Write): Promise<Result<RequestedWithdrawal, WithdrawalCode>>
  validate(payer: Asker, given: string, write: Write): Promise<Result<PaidWithdrawal, WithdrawalCode>>
  cancel(userId: string, id: string, write: Write): Promise<Result<WithdrawalView, WithdrawalCode>>
  reverse(payer: Asker, id: string, write: Write): Promise<Result<WithdrawalView, WithdrawalCode>>
  get(asker: Asker, id: string): Promise<Result<WithdrawalView, 'withdrawal_not_found'>>
  list(userId: string, limit: number, after?: string): Promise<WithdrawalView[]>
  /** Ends what is overdue; answers how many. */
  expireDue(): Promise<number>
}

const PURPOSE = 'withdrawal'
const EXPIRE_AT_ONCE = 200

const STATE_REFUSALS = {
  paid: 'withdrawal_paid',
  cancelled: 'withdrawal_cancelled',
  expired: 'withdrawal_expired',
  reversed: 'withdrawal_reversed',
} as const satisfies Record<string, WithdrawalCode>

export function createWithdrawals(
  runtime: Runtime,
  { identity, ledger, wallet, events }: { identity: Identity; ledger: Ledger; wallet: Wallet; events: Events },
  options: WithdrawalOptions,
): Withdrawals {
  const { store, clock, newId, random, keyring } = runtime
  const terminals = createTerminals(runtime, identity.auditLog.audit)
  const view = (row: WithdrawalRow) => viewOf(row, clock())
  const hashOf = (token: string) => keyring.hash('withdrawal-token', token)

  const tell = (tx: Tx, type: EventType<typeof withdrawalPaid.payload>, row: WithdrawalRow) =>
    events.append(tx, type, row.userId, factsOf(row))

  /** A token that no open withdrawal has; used ones come round again after a billion. */
  async function unusedToken(): Promise<string> {
    for (;;) {
      const token = newToken(random)
      if ((await byToken(token))?.status !== 'requested') return token
    }
  }

  /** The latest withdrawal with this token. */
  async function byToken(token: string): Promise<WithdrawalRow | undefined> {
    const [row] = await store.read
      .select()
      .from(withdrawals)
      .where(eq(withdrawals.tokenHash, hashOf(token)))
      .orderBy(desc(withdrawals.id))
      .limit(1)
    return row
  }

  async function lock(tx: Tx, id: string): Promise<WithdrawalRow | undefined> {
    const [row] = await forUpdate(tx.select().from(withdrawals).where(eq(withdrawals.id, id)))
    return row
  }

  /** Why a withdrawal in this state can be neither paid nor cancelled; nothing if it is still open. */
  function closedBecause(row: WithdrawalRow): WithdrawalCode | undefined {
    if (row.status !== 'requested') return STATE_REFUSALS[row.status as keyof typeof STATE_REFUSALS]
    return row.expiresAt <= clock() ? 'withdrawal_expired' : undefined
  }

  async function change(tx: Tx, row: WithdrawalRow, changes: Partial<WithdrawalRow>): Promise<WithdrawalRow> {
    await tx.update(withdrawals).set(changes).where(eq(withdrawals.id, row.id))
    return { ...row, ...changes }
  }

  async function pay(
    tx: Tx,
    row: WithdrawalRow,
    payer: Asker,
    till: User,
    customerRole: string,
  ): Promise<Result<WithdrawalRow, WithdrawalCode>> {
    const { currency, amount, fee } = row
    const debitAccountId = await wallet.accountOf(tx, { id: row.userId, role: customerRole }, currency)
    const creditAccountId = await wallet.accountOf(tx, till, currency)
    const commission = till.role === 'agent' ? share(fee, options.commissionBps) : 0
    const earned = [
      ...(fee - commission > 0
        ? [{ accountId: await ledger.system(tx, 'fees', currency, debitAccountId), amount: fee - commission }]
        : []),
      ...(commission > 0
        ? [
            {
              accountId: await ledger.ensure(tx, { ownerId: till.id, kind: 'commission', currency }),
              amount: commission,
            },
          ]
        : []),
    ]
    const posted = await ledger.capture(tx, {
      holdId: row.holdId,
      type: 'withdrawal',
      amount,
      fee,
      currency,
      debitAccountId,
      creditAccountId,
      legs: legsOf(
        { accountId: debitAccountId, amount: -(amount + fee) },
        { accountId: creditAccountId, amount },
        ...earned,
      ),
    })
    if (!posted.ok) return fail(refusalOfHold(posted.code), posted.detail, posted.members)
    return ok(
      await change(tx, row, {
        status: 'paid',
        paidBy: payer.userId,
        tillId: till.id,
        paidAt: posted.value.transfer.at,
        commission,
        transferId: posted.value.transfer.id,
      }),
    )
  }

  return {
    async request({ userId, amount, currency = options.currency, pin, sendCode = false }, write) {
      const allowed = await identity.verifyPin(userId, pin)
      if (!allowed.ok) return allowed
      const customer = allowed.value
      const token = await unusedToken()
      const qr = await renderQr(qrText(token))
      const fee = share(amount, options.feeBps)
      return write(async (tx): Promise<Result<RequestedWithdrawal, WithdrawalCode>> => {
        const accountId = await wallet.accountOf(tx, customer, currency)
        const expiresAt = clock() + options.ttlMs
        const held = await ledger.hold(tx, { accountId, amount: amount + fee, purpose: PURPOSE, expiresAt })
        if (!held.ok) return held
        const row: WithdrawalRow = {
          id: newId('wdr'),
          userId,
          amount,
          fee,
          currency,
          status: 'requested',
          tokenHash: hashOf(token),
          holdId: held.value.id,
          expiresAt,
          createdAt: clock(),
          paidBy: null,
          tillId: null,
          paidAt: null,
          commission: 0,
          transferId: null,
          reversalId: null,
        }
        await tx.insert(withdrawals).values(row)
        const sealedToken = sendCode ? keyring.seal('code-in-transit', token) : undefined
        await events.append(tx, withdrawalRequested, userId, {
          ...factsOf(row),
          ...(sealedToken === undefined ? {} : { sealedToken, expiresAt }),
        })
        return ok({ id: row.id, token, qr, amount, currency, fee, expiresAt: iso(expiresAt), status: 'requested' })
      })
    },

    async validate(payer, given, write) {
      const token = parseToken(given)
      if (token === undefined) return fail('token_malformed')
      const till = await identity.tillOf(payer.userId)
      if (!till.ok) return till
      const seen = await byToken(token)
      const customer = seen ? await identity.find(seen.userId) : undefined
      return write(async (tx): Promise<Result<PaidWithdrawal, WithdrawalCode>> => {
        const locked = await terminals.lockedFor(tx, payer.userId)
        if (locked > 0) return fail('terminal_locked', undefined, { retryAfter: locked })
        const row = seen && customer ? await lock(tx, seen.id) : undefined
        if (!row || !customer) return terminals.wrongToken(tx, payer.userId)
        if (isOwner({ id: payer.userId }, row) || isOwner(till.value, row)) return fail('own_withdrawal')
        const closed = closedBecause(row)
        if (closed) return fail(closed)
        const paid = await pay(tx, row, payer, till.value, customer.role)
        if (!paid.ok) return paid
        await terminals.rightToken(tx, payer.userId)
        await tell(tx, withdrawalPaid, paid.value)
        return ok({
          id: row.id,
          status: 'paid',
          amount: row.amount,
          currency: row.currency,
          customer: { name: customer.name },
          commission: paid.value.commission,
          paidAt: iso(paid.value.paidAt ?? clock()),
        })
      })
    },

    cancel: (userId, id, write) =>
      write(async (tx): Promise<Result<WithdrawalView, WithdrawalCode>> => {
        const row = await lock(tx, id)
        if (!row || !isOwner({ id: userId }, row)) return fail('withdrawal_not_found')
        if (row.status === 'cancelled') return ok(view(row))
        const closed = closedBecause(row)
        if (closed) return fail(closed)
        const released = await ledger.release(tx, row.holdId)
        if (!released.ok) throw new Error(`The hold of an open withdrawal is not open: ${released.code}.`)
        const cancelled = await change(tx, row, { status: 'cancelled' })
        await tell(tx, withdrawalCancelled, cancelled)
        return ok(view(cancelled))
      }),

    async reverse(payer, id, write) {
      const till = await identity.tillOf(payer.userId)
      if (!till.ok) return till
      return write(async (tx): Promise<Result<WithdrawalView, WithdrawalCode>> => {
        const row = await lock(tx, id)
        if (!row || !isOfTill(till.value, row)) return fail('withdrawal_not_found')
        if (row.status === 'reversed') return ok(view(row))
        if (row.status !== 'paid' || row.transferId === null) return fail('withdrawal_not_paid')
        const reversed = await ledger.reverse(tx, row.transferId)
        if (!reversed.ok) return fail(refusalOfReversal(reversed.code), reversed.detail, reversed.members)
        const done = await change(tx, row, { status: 'reversed', reversalId: reversed.value.transfer.id })
        await identity.auditLog.audit(tx, {
          actor: payer.userId,
          action: 'withdrawal.reverse',
          subject: row.id,
          outcome: 'allowed',
          address: payer.address,
          detail: { amount: row.amount, currency: row.currency },
        })
        await tell(tx, withdrawalReversed, done)
        return ok(view(done))
      })
    },

    async get({ userId }, id) {
      const [row] = await store.read.select().from(withdrawals).where(eq(withdrawals.id, id))
      if (!row) return fail('withdrawal_not_found')
      if (isOwner({ id: userId }, row)) return ok(view(row))
      // Whoever works at a till sees what it has paid.
      const till = await identity.tillOf(userId)
      return till.ok && isOfTill(till.value, row) ? ok(view(row)) : fail('withdrawal_not_found')
    },

    async list(userId, limit, after) {
      const rows = await store.read
        .select()
        .from(withdrawals)
        .where(and(eq(withdrawals.userId, userId), ...(after === undefined ? [] : [lt(withdrawals.id, after)])))
        .orderBy(desc(withdrawals.id))
        .limit(limit)
      return rows.map(view)
    },

    expireDue: () =>
      store.write(async (tx) => {
        const holds = await ledger.expireHolds(tx, PURPOSE, EXPIRE_AT_ONCE)
        if (holds.length === 0) return 0
        const ids = holds.map(({ id }) => id)
        const rows = await tx.select().from(withdrawals).where(inArray(withdrawals.holdId, ids))
        for (const row of rows) await tell(tx, withdrawalExpired, await change(tx, row, { status: 'expired' }))
        return rows.length
      }),
  }
}

/** A hold only ends together with its withdrawal, whose state was looked at first; expiry may fall in between. */
function refusalOfHold(code: HoldCode | WithdrawalCode): WithdrawalCode {
  if (code === 'hold_expired') return 'withdrawal_expired'
  if (code === 'hold_not_found' || code === 'hold_ended' || code === 'hold_exceeded') {
    throw new Error(`The hold of an open withdrawal is not open: ${code}.`)
  }
  return code
}

function refusalOfReversal(code: string): WithdrawalCode {
  if (code === 'already_reversed') return 'withdrawal_reversed'
  if (code === 'transfer_not_found' || code === 'not_reversible')
    throw new Error(`A paid withdrawal has no transfer: ${code}.`)
  return code as WithdrawalCode
}

function viewOf(row: WithdrawalRow, now: number): WithdrawalView {
  const { id, amount, currency, fee, expiresAt, createdAt, paidAt } = row
  return {
    id,
    // The schedule that ends overdue withdrawals may be some seconds behind.
    status: row.status === 'requested' && expiresAt <= now ? 'expired' : (row.status as WithdrawalStatus),
    amount,
    currency,
    fee,
    expiresAt: iso(expiresAt),
    createdAt: iso(createdAt),
    paidAt: isoOrNull(paidAt),
  }
}

function factsOf({ id, userId, amount, fee, currency, paidBy, tillId, commission }: WithdrawalRow): WithdrawalFacts {
  return { withdrawalId: id, userId, amount, fee, currency, paidBy, tillId, commission }
}
