/** Agents and ATMs: their float, what they earned, and cash handed over for e-money. */
import type { Tx } from '../../platform/db'
import type { Events } from '../../platform/events'
import type { Write } from '../../platform/http/idempotency'
import { fail, ok, type Result } from '../../platform/result'
import type { Runtime } from '../../platform/runtime'
import type { Identity } from '../identity'
import { type Ledger, legsOf } from '../ledger'
import type { Wallet } from '../wallet'
import { cashInCompleted, floatIssued } from './events'
import type { AgentsCode } from './failures'

export interface CashInInput {
  agentId: string
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
  till(agentId: string, currency?: string): Promise<Till>
  cashIn(input: CashInInput, write: Write): Promise<Result<CashInReceipt, AgentsCode>>
  issueFloat(input: FloatInput, write: Write): Promise<Result<FloatReceipt, AgentsCode>>
}

const TILLS = new Set(['agent', 'atm'])

export function createAgents(
  { store }: Runtime,
  { identity, ledger, wallet, events }: { identity: Identity; ledger: Ledger; wallet: Wallet; events: Events },
  options: { currency: string },
): Agents {
  const floatOf = (tx: Tx, agentId: string, currency: string) =>
    ledger.ensure(tx, { ownerId: agentId, kind: 'float', currency })

  return {
    async till(agentId, currency = options.currency) {
      const user = await identity.find(agentId)
      const [float, commission] = await Promise.all(
        (['float', 'commission'] as const).map((kind) => ledger.find(store.read, { ownerId: agentId, kind, currency })),
      )
      return {
        userId: agentId,
        name: user?.name ?? '',
        currency,
        float: float?.balance ?? 0,
        commission: commission?.balance ?? 0,
      }
    },

    async cashIn({ agentId, to, amount, currency = options.currency }, write) {
      const found = await wallet.recipient(to)
      if (!found.ok)
        return fail(found.code === 'recipient_not_found' ? 'customer_not_found' : 'customer_cannot_receive')
      const customer = found.value
      if (customer.id === agentId) return fail('cash_in_to_self')
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
          createdAt: new Date(transfer.at).toISOString(),
        })
      })
    },

    async issueFloat({ agentId, amount, currency = options.currency }, write) {
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
        await events.append(tx, floatIssued, agentId, { transferId: transfer.id, agentId, amount, currency, balance })
        return ok({
          id: transfer.id,
          agentId,
          amount,
          currency,
          balance,
          createdAt: new Date(transfer.at).toISOString(),
        })
      })
    },
  }
}
