/** Agents, their tellers, and ATMs: their float, what they earned, and cash handed over for e-money. */
import type { Tx } from '../../platform/db'
import type { Events } from '../../platform/events'
import type { Write } from '../../platform/http/idempotency'
import { iso } from '../../platform/moment'
import { fail, ok, type Result } from '../../platform/result'
import type { Runtime } from '../../platform/runtime'
import { type Identity, isTellerOf, type User, type UserView } from '../identity'
import { type Ledger, legsOf } from '../ledger'
import type { Wallet } from '../wallet'
import { cashInCompleted, floatIssued } from './events'
import type { AgentsCode } from './failures'

export interface CashInInput {
  /** Who took the cash: the agent, or one of their tellers. */
  by: string
  /** User id, phone number or e-mail address of the customer. */
  to: string
  amount: number
  currency?: string | undefined
}

export interface CashInReceipt {
  id: string
  amount: number
  currency: string
  fee: number
  from: string
  to: string
  customer: { name: string }
  /** The agent’s float after it. */
  balance: number
  createdAt: string
}

export interface FloatInput {
  /** Who decided it; the machine itself if nobody is named. */
  actor?: string
  /** From where. */
  address?: string
  agentId: string
  amount: number
  currency?: string | undefined
}

export interface FloatReceipt {
  id: string
  agentId: string
  amount: number
  currency: string
  balance: number
  createdAt: string
}

export interface Till {
  userId: string
  name: string
  currency: string
  float: number
  commission: number
}

export interface Agents {
  /** The till that whoever this is works at. */
  till(userId: string, currency?: string): Promise<Result<Till, 'till_closed'>>
  cashIn(input: CashInInput, write: Write): Promise<Result<CashInReceipt, AgentsCode>>
  tellers(agentId: string): Promise<Teller[]>
  /** Signs the teller out and keeps them out, or lets them in again. Only their own agent may. */
  stopTeller(
    agent: { userId: string; role: string },
    tellerId: string,
    stop: boolean,
  ): Promise<Result<Teller, 'teller_not_found' | 'teller_frozen'>>
  issueFloat(input: FloatInput, write: Write): Promise<Result<FloatReceipt, AgentsCode>>
}

export type Teller = Pick<UserView, 'id' | 'name' | 'email' | 'phone' | 'status' | 'createdAt'>

const TILLS = new Set(['agent', 'atm'])
const TELLERS_SHOWN = 100
const FREEZES_LOOKED_AT = 1_000

export function createAgents(
  { store }: Runtime,
  { identity, ledger, wallet, events }: { identity: Identity; ledger: Ledger; wallet: Wallet; events: Events },
  options: { currency: string },
): Agents {
  const floatOf = (tx: Tx, agentId: string, currency: string) =>
    ledger.ensure(tx, { ownerId: agentId, kind: 'float', currency })

  /** Whether somebody else than the agent has wanted the teller frozen, since the teller was last free. */
  async function frozenByOther(tellerId: string, agentId: string): Promise<boolean> {
    const filter = { subject: tellerId, outcome: 'allowed' as const, limit: 1 }
    const [freed] = await identity.auditLog.search({ ...filter, action: 'user.unfreeze' })
    const since = { from: freed?.at, limit: FREEZES_LOOKED_AT }
    const freezes = await identity.auditLog.search({ ...filter, ...since, action: 'user.freeze' })
    return freezes.some(({ id, actor }) => actor !== agentId && id > (freed?.id ?? ''))
  }

  return {
    async till(userId, currency = options.currency) {
      const holder = await identity.tillOf(userId)
      if (!holder.ok) return holder
      const { id: agentId, name } = holder.value
      const [float, commission] = await Promise.all(
        (['float', 'commission'] as const).map((kind) => ledger.find(store.read, { ownerId: agentId, kind, currency })),
      )
      const [floatBalance, commissionBalance] = [float?.balance ?? 0, commission?.balance ?? 0]
      return ok({ userId: agentId, name, currency, float: floatBalance, commission: commissionBalance })
    },

    async tellers(agentId) {
      const found = await identity.users.search({ agentId, role: 'teller', limit: TELLERS_SHOWN })
      return found.map(tellerOf)
    },

    async stopTeller({ userId, role }, tellerId, stop) {
      const teller = await identity.find(tellerId)
      if (!teller || !isTellerOf({ id: userId }, teller)) return fail('teller_not_found')
      if (!stop && teller.status === 'frozen' && (await frozenByOther(tellerId, userId))) return fail('teller_frozen')
      const changed = await store.write((tx) => identity.people.setFrozen(tx, tellerId, stop, { id: userId, role }))
      return changed.ok ? ok(tellerOf(changed.value)) : fail('teller_not_found')
    },

    async cashIn({ by, to, amount, currency = options.currency }, write) {
      const holder = await identity.tillOf(by)
      if (!holder.ok) return holder
      const agentId = holder.value.id
      const found = await wallet.recipient(to, { present: true })
      if (!found.ok)
        return fail(found.code === 'recipient_not_found' ? 'customer_not_found' : 'customer_cannot_receive')
      const customer = found.value
      if (customer.id === agentId || customer.id === by) return fail('cash_in_to_self')
      if (customer.role !== 'customer') return fail('customer_not_found')
      return write(async (tx): Promise<Result<CashInReceipt, AgentsCode>> => {
        const debitAccountId = await floatOf(tx, agentId, currency)
        const creditAccountId = await wallet.accountOf(tx, customer, currency)
        const posted = await ledger.transfer(tx, {
          type: 'deposit',
          amount,
          currency,
          debitAccountId,
          creditAccountId,
          legs: legsOf({ accountId: debitAccountId, amount: -amount }, { accountId: creditAccountId, amount }),
        })
        if (!posted.ok) return posted
        const { transfer, balances } = posted.value
        const balance = balances.get(debitAccountId) ?? 0
        await events.append(tx, cashInCompleted, customer.id, {
          transferId: transfer.id,
          agentId,
          by,
          customerId: customer.id,
          amount,
          currency,
          agentBalance: balance,
          customerBalance: balances.get(creditAccountId) ?? 0,
        })
        return ok({
          id: transfer.id,
          amount,
          currency,
          fee: 0,
          from: agentId,
          to: customer.id,
          customer: { name: customer.name },
          balance,
          createdAt: iso(transfer.at),
        })
      })
    },

    async issueFloat({ agentId, amount, currency = options.currency, actor = 'system', address }, write) {
      const agent = await identity.find(agentId)
      if (agent?.status !== 'active' || !TILLS.has(agent.role)) return fail('agent_not_found')
      return write(async (tx): Promise<Result<FloatReceipt, AgentsCode>> => {
        const debitAccountId = await ledger.system(tx, 'trust', currency, agentId)
        const creditAccountId = await floatOf(tx, agentId, currency)
        const posted = await ledger.transfer(tx, {
          type: 'issuance',
          amount,
          currency,
          debitAccountId,
          creditAccountId,
          legs: legsOf({ accountId: debitAccountId, amount: -amount }, { accountId: creditAccountId, amount }),
        })
        if (!posted.ok) return posted
        const { transfer, balances } = posted.value
        const balance = balances.get(creditAccountId) ?? 0
        await identity.auditLog.audit(tx, {
          actor,
          action: 'float.issue',
          subject: agentId,
          outcome: 'allowed',
          address,
          detail: { transferId: transfer.id, amount, currency },
        })
        await events.append(tx, floatIssued, agentId, { transferId: transfer.id, agentId, amount, currency, balance })
        return ok({
          id: transfer.id,
          agentId,
          amount,
          currency,
          balance,
          createdAt: iso(transfer.at),
        })
      })
    },
  }
}

/** A teller as their agent sees them. */
export function tellerOf({
  id,
  name,
  email,
  phone,
  status,
  createdAt,
}: Pick<User, 'id' | 'name' | 'email' | 'phone' | 'status'> & { createdAt: number | string }): Teller {
  return { id, name, email, phone, status, createdAt: new Date(createdAt).toISOString() }
}
