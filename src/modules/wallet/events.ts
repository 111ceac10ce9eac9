/** What the wallet tells others. */
import { Type } from '@sinclair/typebox'
import { eventType } from '../../platform/events'

/** Somebody wants the receipt of a movement of theirs. */
export const receiptAsked = eventType(
  'wallet.receipt_asked',
  Type.Object({
    userId: Type.String(),
    transferId: Type.String(),
    type: Type.String(),
    /** Signed, the fee included: positive is money in. */
    amount: Type.Integer(),
    fee: Type.Integer(),
    currency: Type.String(),
    balance: Type.Integer(),
    at: Type.Integer(),
  }),
)

/** Money went from one wallet to another. */
export const transferCompleted = eventType(
  'wallet.transfer_completed',
  Type.Object({
    transferId: Type.String(),
    fromUserId: Type.String(),
    toUserId: Type.String(),
    amount: Type.Integer(),
    fee: Type.Integer(),
    currency: Type.String(),
    fromBalance: Type.Integer(),
    toBalance: Type.Integer(),
  }),
)
