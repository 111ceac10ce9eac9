/** What the shapes of identity share: the user, codes, challenges and credentials. */
import { type TSchema, Type } from '@sinclair/typebox'
import { answer, body, email, idOf, moment } from '../../../platform/http/fields'

export const user = {
  id: Type.String(),
  name: Type.String(),
  email: Type.String(),
  phone: Type.Union([Type.String(), Type.Null()]),
  phoneVerified: Type.Boolean({
    description: 'Whether the person proved that the number is theirs; money finds it only then.',
  }),
  role: Type.String(),
  status: Type.String(),
  agentId: Type.Union([Type.String(), Type.Null()], { description: 'The agent whose till a teller works at.' }),
  pinSet: Type.Boolean({ description: 'Whether a PIN was chosen; money needs one.' }),
  createdAt: moment,
}

export const userExample = {
  id: 'usr_01m0z3k8x2f4v5b6n7a9',
  name: 'Amina Macuácua',
  email: 'amina@example.com',
  phone: '+258841234567',
  phoneVerified: true,
  role: 'customer',
  status: 'active',
  agentId: null,
  pinSet: true,
  createdAt: '2026-11-24T09:30:00.000Z',
}

/** A list that is short enough to be had whole. */
export function all<Members extends Record<string, TSchema>>(members: Members, example: object) {
  return answer({ items: Type.Array(Type.Object(members)) }, { items: [example] })
}

export const methods = Type.Array(
  Type.Union([
    Type.Literal('totp'),
    Type.Literal('passkey'),
    Type.Literal('email'),
    Type.Literal('sms'),
    Type.Literal('recovery'),
  ]),
)

export const userModel = answer(user, userExample)
/** Tokens for a client that keeps them, or cookies for a browser. */

export const sixDigits = Type.String({ minLength: 1, maxLength: 20, description: 'The six digits that were sent.' })
export const anyCode = Type.String({ minLength: 1, maxLength: 64, description: 'Six digits, or a recovery code.' })
export const codeMethod = Type.Union([
  Type.Literal('totp'),
  Type.Literal('recovery'),
  Type.Literal('email'),
  Type.Literal('sms'),
])
export const codeChannel = Type.Union([Type.Literal('email'), Type.Literal('sms')])
export const challengeId = idOf('chl')
/** What the browser's `navigator.credentials` gave, as its `toJSON()` writes it. */
export const credential = Type.Object(
  { id: Type.String({ minLength: 1, maxLength: 1400 }), response: Type.Object({}, { additionalProperties: true }) },
  { additionalProperties: true },
)
export const credentialExample = {
  id: 'q83vEjRWeJA',
  rawId: 'q83vEjRWeJA',
  type: 'public-key',
  response: {},
  clientExtensionResults: {},
}

export const emailBody = body({ email }, { email: 'amina@example.com' })

export const codeBody = body({ code: sixDigits }, { code: '482913' })

export const passkeyAskedModel = answer(
  { challengeId: Type.String(), options: Type.Object({}, { additionalProperties: true }) },
  { challengeId: 'chl_01m0z3k8x2f4v5b6n7a9', options: { challenge: 'q83vEjRWeJA', rpId: 'localhost' } },
)
