/** The shapes of agents’ requests and answers. */
import { Type } from '@sinclair/typebox'
import {
  amount,
  answer,
  anyAmount,
  body,
  currency,
  email,
  idOf,
  moment,
  name,
  password,
  phone,
  reference,
} from '../../platform/http/fields'

export const tillModel = answer(
  {
    userId: Type.String(),
    name: Type.String(),
    currency,
    float: Type.Integer({ description: 'E-money to sell for cash.' }),
    commission: Type.Integer({ description: 'Earned so far.' }),
  },
  { userId: 'usr_01m0z3k8x2f4v5b6n7a9', name: 'Loja do João', currency: 'USD', float: 995000, commission: 25 },
)

export const cashInBody = body(
  {
    to: reference,
    amount,
    currency: Type.Optional(currency),
  },
  { to: 'customer@demo.kumbu', amount: 5000 },
)

export const cashInModel = answer(
  {
    id: Type.String(),
    amount: anyAmount,
    currency,
    fee: anyAmount,
    from: Type.String(),
    to: Type.String(),
    customer: Type.Object({ name: Type.String({ description: 'To compare with the person at the till.' }) }),
    balance: Type.Integer({ description: 'The agent’s float after it.' }),
    createdAt: moment,
  },
  {
    id: 'txn_01m0z3k8x2f4v5b6n7ab',
    amount: 5000,
    currency: 'USD',
    fee: 0,
    from: 'usr_01m0z3k8x2f4v5b6n7ad',
    to: 'usr_01m0z3k8x2f4v5b6n7a9',
    customer: { name: 'Amina Macuácua' },
    balance: 995000,
    createdAt: '2026-11-24T09:30:00.000Z',
  },
)

export const floatBody = body({ amount, currency: Type.Optional(currency) }, { amount: 250000 })

export const floatModel = answer(
  { id: Type.String(), agentId: Type.String(), amount: anyAmount, currency, balance: anyAmount, createdAt: moment },
  {
    id: 'txn_01m0z3k8x2f4v5b6n7ae',
    agentId: 'usr_01m0z3k8x2f4v5b6n7ad',
    amount: 250000,
    currency: 'USD',
    balance: 1250000,
    createdAt: '2026-11-24T09:30:00.000Z',
  },
)

const teller = {
  id: Type.String(),
  name: Type.String(),
  email: Type.String(),
  phone: Type.Union([Type.String(), Type.Null()]),
  status: Type.String(),
  createdAt: moment,
}
const tellerExample = {
  id: 'usr_01m0z3k8x2f4v5b6n7ah',
  name: 'Tomás',
  email: 'tomas@example.com',
  phone: null,
  status: 'active',
  createdAt: '2026-11-24T09:30:00.000Z',
}
export const tellerBody = body(
  { name, email, phone: Type.Optional(phone), password },
  { name: 'Tomás', email: 'tomas@example.com', password: 'the shop by the market' },
)
export const tellerModel = answer(teller, tellerExample)
export const tellersModel = answer({ items: Type.Array(Type.Object(teller)) }, { items: [tellerExample] })
export const tellerParams = Type.Object({ tellerId: idOf('usr') })
