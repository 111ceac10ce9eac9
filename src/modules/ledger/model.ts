/** The shapes of the books’ answers. */
import { Type } from '@sinclair/typebox'
import { answer, anyAmount, currency } from '../../platform/http/fields'

export const totalsModel = answer(
  {
    items: Type.Array(Type.Object({ kind: Type.String(), currency, balance: anyAmount, held: anyAmount })),
  },
  {
    items: [
      { kind: 'customer', currency: 'USD', balance: 200000, held: 0 },
      { kind: 'float', currency: 'USD', balance: 1000000, held: 0 },
      { kind: 'trust', currency: 'USD', balance: -1200000, held: 0 },
    ],
  },
)
