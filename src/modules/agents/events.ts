/** What agents’ business tells others. */
import { Type } from '@sinclair/typebox'
import { eventType } from '../../platform/events'

/** An agent took cash and credited a customer. */
export const cashInCompleted = eventType(
  'agents.cash_in_completed',
  Type.Object({
    transferId: Type.String(),
    agentId: Type.String(),
    /** Who took the cash: the agent or one of their tellers. */
    by: Type.String(),
    customerId: Type.String(),
    amount: Type.Integer(),
    currency: Type.String(),
    agentBalance: Type.Integer(),
    customerBalance: Type.Integer(),
  }),
)

export const floatIssued = eventType(
  'agents.float_issued',
  Type.Object({
    transferId: Type.String(),
    agentId: Type.String(),
    amount: Type.Integer(),
    currency: Type.String(),
    balance: Type.Integer(),
  }),
)
