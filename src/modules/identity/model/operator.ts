/** The shapes of what operators, support and auditors ask. */
import { Type } from '@sinclair/typebox'
import { answer, body, email, idOf, moment, name, password, phone, pin } from '../../../platform/http/fields'
import { pageOf, pageQuery } from '../../../platform/http/page'
import { type Role, roles } from '../roles'
import { user, userExample } from './user'

const roleNames = (Object.keys(roles) as Role[]).map((role) => Type.Literal(role))
export const createUserBody = body(
  {
    name,
    email,
    phone: Type.Optional(phone),
    password,
    role: Type.Union(roleNames),
    agentId: Type.Optional(idOf('usr')),
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

export const usersModel = pageOf(Type.Object(user), [{ items: [userExample], nextCursor: null }])
export const userDetailModel = answer(
  {
    ...user,
    closed: Type.Optional(
      Type.Object({
        name: Type.String(),
        email: Type.String(),
        phone: Type.Union([Type.String(), Type.Null()]),
        closedAt: moment,
        eraseAt: moment,
      }),
    ),
  },
  userExample,
)
export const usersQuery = Type.Object({
  q: Type.Optional(
    Type.String({
      minLength: 2,
      maxLength: 100,
      format: 'printable',
      description: 'How a name, address or number begins; or an id.',
    }),
  ),
  role: Type.Optional(Type.Union(roleNames)),
  ...pageQuery,
})

const auditRow = {
  id: Type.String(),
  at: moment,
  actor: Type.String({ description: 'Who: a user id, `system` or `unknown`.' }),
  action: Type.String({ description: 'What, such as `session.login`.' }),
  subject: Type.String({ description: 'To whom or what.' }),
  outcome: Type.Union([Type.Literal('allowed'), Type.Literal('refused')]),
  address: Type.Union([Type.String(), Type.Null()]),
  detail: Type.Object({}, { additionalProperties: true }),
}
export const auditModel = pageOf(Type.Object(auditRow), [
  {
    items: [
      {
        id: 'aud_01m0z3k8x2f4v5b6n7a9',
        at: '2026-11-24T09:30:00.000Z',
        actor: userExample.id,
        action: 'session.login',
        subject: userExample.id,
        outcome: 'allowed',
        address: '192.0.2.7',
        detail: { methods: ['pwd', 'otp', 'mfa'] },
      },
    ],
    nextCursor: null,
  },
])
const auditFilter = {
  actor: Type.Optional(Type.String({ maxLength: 40 })),
  subject: Type.Optional(Type.String({ maxLength: 40 })),
  action: Type.Optional(
    Type.String({ maxLength: 60, description: 'An action, or the beginning of several: `session.`' }),
  ),
  outcome: Type.Optional(Type.Union([Type.Literal('allowed'), Type.Literal('refused')])),
  from: Type.Optional(Type.String({ format: 'date-time', description: 'From this moment on.' })),
  to: Type.Optional(Type.String({ format: 'date-time', description: 'Before this moment.' })),
}
export const auditQuery = Type.Object({ ...auditFilter, ...pageQuery })
export const auditExportQuery = Type.Object(auditFilter)
