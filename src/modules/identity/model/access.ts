/** The shapes of sessions, devices and API keys. */
import { Type } from '@sinclair/typebox'
import { answer, body, label, moment } from '../../../platform/http/fields'
import { all } from './user'

const session = {
  id: Type.String(),
  kind: Type.String({ description: '`person`, or `client` for an application.' }),
  clientId: Type.Union([Type.String(), Type.Null()]),
  current: Type.Boolean(),
  methods: Type.Array(Type.String(), { description: 'How it was signed in to (RFC 8176).' }),
  address: Type.Union([Type.String(), Type.Null()]),
  userAgent: Type.Union([Type.String(), Type.Null()]),
  createdAt: moment,
  lastUsedAt: moment,
  expiresAt: moment,
}
export const sessionsModel = all(session, {
  id: 'ses_01m0z3k8x2f4v5b6n7a9',
  kind: 'person',
  clientId: null,
  current: true,
  methods: ['pwd', 'otp', 'mfa'],
  address: '192.0.2.7',
  userAgent: 'Mozilla/5.0',
  createdAt: '2026-11-24T09:30:00.000Z',
  lastUsedAt: '2026-11-24T09:30:00.000Z',
  expiresAt: '2026-12-01T09:30:00.000Z',
})

const device = {
  id: Type.String(),
  name: Type.String(),
  remembered: Type.Boolean({ description: 'Whether it is asked for no second factor.' }),
  createdAt: moment,
  lastSeenAt: moment,
}
export const devicesModel = all(device, {
  id: 'dev_01m0z3k8x2f4v5b6n7a9',
  name: 'Mozilla/5.0',
  remembered: true,
  createdAt: '2026-11-24T09:30:00.000Z',
  lastSeenAt: '2026-11-24T09:30:00.000Z',
})

const apiKey = {
  id: Type.String(),
  name: Type.String(),
  hint: Type.String({ description: 'How the key begins.' }),
  scopes: Type.Array(Type.String()),
  createdAt: moment,
  expiresAt: moment,
  lastUsedAt: Type.Union([moment, Type.Null()]),
}
const apiKeyExample = {
  id: 'key_01m0z3k8x2f4v5b6n7a9',
  name: 'Nightly statement',
  hint: 'kmb_q83vEj',
  scopes: ['wallet:read'],
  createdAt: '2026-11-24T09:30:00.000Z',
  expiresAt: '2027-02-22T09:30:00.000Z',
  lastUsedAt: null,
}
export const apiKeyBody = body(
  {
    name: label,
    scopes: Type.Array(Type.String({ maxLength: 40 }), { minItems: 1, maxItems: 30, uniqueItems: true }),
    expiresInDays: Type.Optional(Type.Integer({ minimum: 1, maximum: 366, default: 90 })),
  },
  { name: 'Nightly statement', scopes: ['wallet:read'], expiresInDays: 90 },
)
export const apiKeyModel = answer(
  { ...apiKey, key: Type.String({ description: 'The key, shown this once. Send it as `Authorization: Bearer …`.' }) },
  { ...apiKeyExample, key: 'kmb_q83vEjRWeJAq83vEjRWeJAq83vEjRWeJAq83vEjRWeJ' },
)
export const apiKeysModel = all(apiKey, apiKeyExample)
