/** The shapes of the wallet’s requests and answers. */
import { Type } from '@sinclair/typebox'
import {
  amount,
  answer,
  anyAmount,
  body,
  currency,
  idOf,
  moment,
  note,
  pin,
  reference,
  userIdOrMe,
} from '../../platform/http/fields'
import { pageOf, pageQuery } from '../../platform/http/page'

export const walletParams = Type.Object({ userId: userIdOrMe })
export const currencyQuery = Type.Object({ currency: Type.Optional(currency) })

export const balanceModel = answer(
  {
    userId: Type.String(),
    accountId: Type.String(),
    currency,
    balance: anyAmount,
    available: Type.Integer({ description: 'The balance less what is held.' }),
    held: anyAmount,
  },
  {
    userId: 'usr_01m0z3k8x2f4v5b6n7a9',
    accountId: 'acc_01m0z3k8x2f4v5b6n7aa',
    currency: 'USD',
    balance: 100000,
    available: 94950,
    held: 5050,
  },
)

export const transferBody = body(
  {
    to: reference,
    amount,
    currency: Type.Optional(currency),
    pin,
    note: Type.Optional(note),
  },
  { to: 'customer2@demo.kumbu', amount: 1500, pin: '2580', note: 'For the bread' },
)

export const transferModel = answer(
  {
    id: Type.String(),
    amount: anyAmount,
    currency,
    fee: Type.Integer({ description: 'What the sender paid on top.' }),
    from: Type.String(),
    to: Type.String(),
    balance: Type.Integer({ description: 'The sender’s balance after it.' }),
    createdAt: moment,
  },
  {
    id: 'txn_01m0z3k8x2f4v5b6n7ab',
    amount: 1500,
    currency: 'USD',
    fee: 0,
    from: 'usr_01m0z3k8x2f4v5b6n7a9',
    to: 'usr_01m0z3k8x2f4v5b6n7ac',
    balance: 98500,
    createdAt: '2026-11-24T09:30:00.000Z',
  },
)

export const transactionsQuery = Type.Object({
  ...pageQuery,
  currency: Type.Optional(currency),
  from: Type.Optional(Type.String({ format: 'date-time', description: 'From this moment on.' })),
  to: Type.Optional(Type.String({ format: 'date-time', description: 'Before this moment.' })),
  type: Type.Optional(
    Type.String({ pattern: '^[a-z]{1,20}$', description: 'transfer, deposit, withdrawal, reversal …' }),
  ),
})

const movement = Type.Object({
  id: Type.String(),
  type: Type.String(),
  amount: Type.Integer({ description: 'Positive is money in, negative money out, the fee included.' }),
  currency,
  fee: Type.Integer({ description: 'The part of the amount that was the fee.' }),
  balance: Type.Integer({ description: 'The balance after it.' }),
  note: Type.Union([Type.String(), Type.Null()]),
  reversalOf: Type.Union([Type.String(), Type.Null()]),
  createdAt: moment,
})

export const transactionsModel = pageOf(movement, [
  {
    items: [
      {
        id: 'txn_01m0z3k8x2f4v5b6n7ab',
        type: 'transfer',
        amount: -1500,
        currency: 'USD',
        fee: 0,
        balance: 98500,
        note: 'For the bread',
        reversalOf: null,
        createdAt: '2026-11-24T09:30:00.000Z',
      },
    ],
    nextCursor: null,
  },
])

export const receiptParams = Type.Object({ ...walletParams.properties, transferId: idOf('txn') })

export const statusModel = answer(
  { userId: Type.String(), status: Type.String() },
  { userId: 'usr_01m0z3k8x2f4v5b6n7a9', status: 'frozen' },
)
