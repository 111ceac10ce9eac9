/** What withdrawals tell others. Tokens never appear in them in the clear. */
import { type Static, Type } from '@sinclair/typebox'
import { eventType } from '../../platform/events'

const facts = Type.Object({
  withdrawalId: Type.String(),
  userId: Type.String(),
  amount: Type.Integer(),
  fee: Type.Integer(),
  currency: Type.String(),
  /** Who paid, once somebody has. */
  paidBy: Type.Union([Type.String(), Type.Null()]),
  /** From whose float. */
  tillId: Type.Union([Type.String(), Type.Null()]),
  commission: Type.Integer(),
  /** The token, sealed under the instance’s key, if the customer wants it sent; and until when it is good. */
  sealedToken: Type.Optional(Type.String()),
  expiresAt: Type.Optional(Type.Integer()),
})

export type WithdrawalFacts = Static<typeof facts>

export const withdrawalRequested = eventType('withdrawals.requested', facts)
export const withdrawalPaid = eventType('withdrawals.paid', facts)
export const withdrawalCancelled = eventType('withdrawals.cancelled', facts)
export const withdrawalExpired = eventType('withdrawals.expired', facts)
export const withdrawalReversed = eventType('withdrawals.reversed', facts)
