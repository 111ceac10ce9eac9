/** The shapes of identity’s requests and answers. */
import { Type } from '@sinclair/typebox'
import { answer, body, email, givenPassword, moment, name, password, phone, pin } from '../../platform/http/fields'
import { type Role, roles } from './roles'

const user = {
  id: Type.String(),
  name: Type.String(),
  email: Type.String(),
  phone: Type.Union([Type.String(), Type.Null()]),
  role: Type.String(),
  status: Type.String(),
  pinSet: Type.Boolean({ description: 'Whether a PIN was chosen; money needs one.' }),
  createdAt: moment,
}

const userExample = {
  id: 'usr_01m0z3k8x2f4v5b6n7a9',
  name: 'Amina Macuácua',
  email: 'amina@example.com',
  phone: '+258841234567',
  role: 'customer',
  status: 'active',
  pinSet: true,
  createdAt: '2026-11-24T09:30:00.000Z',
}

const tokens = {
  accessToken: Type.String({ description: 'Send it as `Authorization: Bearer …`.' }),
  refreshToken: Type.String({ description: 'Exchange it once, at /auth/refresh.' }),
  expiresIn: Type.Integer({ description: 'Seconds until the access token expires.' }),
}

const tokensExample = {
  accessToken: 'eyJhbGciOiJIUzI1NiIsInR5cCI6ImF0K2p3dCJ9.e30.c2ln',
  refreshToken: 'kq3v1m0Jt7Qp2sX9bT4yZr8uWc5nLd6eAf0gHi1jKl2',
  expiresIn: 900,
}

export const userModel = answer(user, userExample)
export const signedInModel = answer({ ...tokens, user: Type.Object(user) }, { ...tokensExample, user: userExample })

export const registerBody = body(
  { name, email, phone: Type.Optional(phone), password },
  { name: 'Amina Macuácua', email: 'amina@example.com', phone: '+258841234567', password: 'a long walk to the sea' },
)
export const registeredModel = answer(
  { user: Type.Object({ id: Type.String(), status: Type.Literal('pending_verification') }) },
  { user: { id: userExample.id, status: 'pending_verification' } },
)

export const verifyEmailBody = body(
  { email, code: Type.String({ pattern: '^\\d{6}$', description: 'The six digits from the mail.' }) },
  { email: 'amina@example.com', code: '482913' },
)
export const emailBody = body({ email }, { email: 'amina@example.com' })

export const loginBody = body(
  { email, password: givenPassword },
  { email: 'customer@demo.kumbu', password: 'kumbu-demo-2026' },
)
export const refreshBody = body(
  { refreshToken: Type.String({ minLength: 1, maxLength: 200 }) },
  { refreshToken: tokensExample.refreshToken },
)
export const profileBody = body(
  { name: Type.Optional(name), phone: Type.Optional(Type.Union([phone, Type.Null()])) },
  { name: 'Amina M. Macuácua' },
)
export const pinBody = body({ pin, password: givenPassword }, { pin: '2580', password: 'kumbu-demo-2026' })

const staffRoles = (Object.keys(roles) as Role[]).map((role) => Type.Literal(role))
export const createUserBody = body(
  {
    name,
    email,
    phone: Type.Optional(phone),
    password,
    role: Type.Union(staffRoles),
    pin: Type.Optional(pin),
  },
  { name: 'Loja do João', email: 'joao@example.com', password: 'the shop by the market', role: 'agent' },
)

export const setupBody = body(
  { token: Type.String({ minLength: 1, maxLength: 100 }), name, email, password },
  {
    token: '3q2-7wAAAAAAAAAAAAAAAAAAAAAAAAAA',
    name: 'Olga',
    email: 'olga@example.com',
    password: 'a long walk to the sea',
  },
)
