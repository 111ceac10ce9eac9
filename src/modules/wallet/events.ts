/** What the wallet tells others. */
import { Type } from '@sinclair/typebox'
import { eventType } from '../../platform/events'

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
