/** The shapes of withdrawals’ requests and answers. */
import { Type } from '@sinclair/typebox'
import { amount, answer, anyAmount, body, currency, idOf, moment, pin } from '../../platform/http/fields'
import { pageOf, pageQuery } from '../../platform/http/page'

export const requestBody = body(
  {
    amount,
    currency: Type.Optional(currency),
    pin,
    sendCode: Type.Optional(
      Type.Boolean({
        description:
          'Send the token to the customer’s own phone or mail too. Whoever reads it there can take the cash.',
        default: false,
      }),
    ),
  },
  { amount: 5000, pin: '2580' },
)

export const requestedModel = answer(
  {
    id: Type.String(),
    token: Type.String({ description: 'Ten digits to read out at the till. It is shown this once.' }),
    qr: Type.Object({
      data: Type.String({ description: 'What the QR code holds.' }),
      svg: Type.String({ description: 'The QR code as SVG.' }),
      png: Type.String({ description: 'The QR code as a PNG `data:` address.' }),
    }),
    amount: anyAmount,
    currency,
    fee: Type.Integer({ description: 'Held with the amount and taken when the cash is paid.' }),
    expiresAt: moment,
    status: Type.Literal('requested'),
  },
  {
    id: 'wdr_01m0z3k8x2f4v5b6n7af',
    token: '4829135570',
    qr: { data: 'KUMBU:W:4829135570', svg: '<svg …>', png: 'data:image/png;base64,…' },
    amount: 5000,
    currency: 'USD',
    fee: 50,
    expiresAt: '2026-11-24T09:45:00.000Z',
    status: 'requested',
  },
)

export const validateBody = body(
  { token: Type.String({ minLength: 1, maxLength: 100, description: 'The ten digits, or what the QR code holds.' }) },
  { token: '4829135570' },
)

export const paidModel = answer(
  {
    id: Type.String(),
    status: Type.Literal('paid'),
    amount: Type.Integer({ description: 'Hand over this much cash.' }),
    currency,
    customer: Type.Object({ name: Type.String({ description: 'To compare with the person at the till.' }) }),
    commission: Type.Integer({ description: 'What the agent earned by it.' }),
    paidAt: moment,
  },
  {
    id: 'wdr_01m0z3k8x2f4v5b6n7af',
    status: 'paid',
    amount: 5000,
    currency: 'USD',
    customer: { name: 'Amina Macuácua' },
    commission: 25,
    paidAt: '2026-11-24T09:32:00.000Z',
  },
)

const withdrawal = {
  id: Type.String(),
  status: Type.Union([
    Type.Literal('requested'),
    Type.Literal('paid'),
    Type.Literal('cancelled'),
    Type.Literal('expired'),
    Type.Literal('reversed'),
  ]),
  amount: anyAmount,
  currency,
  fee: anyAmount,
  expiresAt: moment,
  createdAt: moment,
  paidAt: Type.Union([moment, Type.Null()]),
}

const withdrawalExample = {
  id: 'wdr_01m0z3k8x2f4v5b6n7af',
  status: 'paid',
  amount: 5000,
  currency: 'USD',
  fee: 50,
  expiresAt: '2026-11-24T09:45:00.000Z',
  createdAt: '2026-11-24T09:30:00.000Z',
  paidAt: '2026-11-24T09:32:00.000Z',
}

export const withdrawalModel = answer(withdrawal, withdrawalExample)
export const withdrawalsModel = pageOf(Type.Object(withdrawal), [{ items: [withdrawalExample], nextCursor: null }])
export const withdrawalParams = Type.Object({ id: idOf('wdr') })
export const withdrawalsQuery = Type.Object(pageQuery)
