/** The shapes of OAuth's requests and answers. Those that clients send are forms, with the names of the RFCs. */
import { Type } from '@sinclair/typebox'
import { answer, body, idOf, label, moment } from '../../platform/http/fields'
import type { OAuthError } from './failures'

const text = (description?: string) =>
  Type.Optional(Type.String({ maxLength: 4_000, ...(description === undefined ? {} : { description }) }))

/** RFC 6749 says that unknown members are to be ignored. */
const form = (members: Parameters<typeof Type.Object>[0], example: object) =>
  Type.Object(members, { additionalProperties: true, examples: [example] })

const clientMembers = {
  client_id: text('Of a client that sends its credentials in the body, or has none.'),
  client_secret: text(),
}

export const tokenForm = form(
  {
    grant_type: text('`authorization_code`, `refresh_token` or `client_credentials`.'),
    code: text(),
    redirect_uri: text(),
    code_verifier: text(),
    refresh_token: text(),
    scope: text(),
    ...clientMembers,
  },
  { grant_type: 'client_credentials', client_id: 'cli_01m0z3k8x2f4v5b6n7a9', client_secret: 'q83vEjRWeJA' },
)
export const tokenParamForm = form(
  { token: text(), token_type_hint: text(), ...clientMembers },
  { token: 'kq3v1m0Jt7Qp2sX9bT4yZr8uWc5nLd6eAf0gHi1jKl2' },
)

export const tokenModel = answer(
  {
    access_token: Type.String(),
    token_type: Type.Literal('Bearer'),
    expires_in: Type.Integer(),
    scope: Type.String(),
    refresh_token: Type.Optional(Type.String()),
    id_token: Type.Optional(Type.String()),
  },
  {
    access_token: 'eyJhbGciOiJIUzI1NiIsInR5cCI6ImF0K2p3dCJ9.e30.c2ln',
    token_type: 'Bearer',
    expires_in: 900,
    scope: 'wallet:read',
  },
)
export const introspectionModel = answer(
  {
    active: Type.Boolean(),
    scope: Type.Optional(Type.String()),
    client_id: Type.Optional(Type.String()),
    token_type: Type.Optional(Type.String()),
    sub: Type.Optional(Type.String()),
    iss: Type.Optional(Type.String()),
    exp: Type.Optional(Type.Integer()),
    iat: Type.Optional(Type.Integer()),
  },
  { active: true, scope: 'wallet:read', client_id: 'cli_01m0z3k8x2f4v5b6n7a9', sub: 'usr_01m0z3k8x2f4v5b6n7a9' },
)

/** RFC 6749, section 5.2. */
export const errorModel = (...errors: OAuthError[]) =>
  Type.Object(
    {
      error: Type.Union(errors.map((error) => Type.Literal(error))),
      error_description: Type.Optional(Type.String()),
    },
    {
      description: errors.map((error) => `\`${error}\``).join(', '),
      examples: [{ error: errors[0], error_description: 'What was wrong.' }],
    },
  )

export const authorizationQuery = Type.Object(
  {
    response_type: text('`code`'),
    client_id: text(),
    redirect_uri: text(),
    scope: text(),
    state: text(),
    code_challenge: text('Base64url of the SHA-256 of the verifier.'),
    code_challenge_method: text('`S256`'),
    nonce: text(),
    prompt: text(),
    max_age: text(),
    response_mode: text(),
    request: text(),
    request_uri: text(),
  },
  { additionalProperties: true },
)

const asked = {
  client: Type.Object({ id: Type.String(), name: Type.String() }),
  scopes: Type.Array(Type.Object({ scope: Type.String(), description: Type.String() })),
  allowedBefore: Type.Boolean({ description: 'The person allowed all of it before: nothing needs to be asked.' }),
  user: Type.Object({ name: Type.String(), email: Type.String() }),
}
export const askedModel = answer(asked, {
  client: { id: 'cli_01m0z3k8x2f4v5b6n7a9', name: 'Shop till' },
  scopes: [{ scope: 'wallet:read', description: 'See the balance and movements of your wallet.' }],
  allowedBefore: false,
  user: { name: 'Amina Macuácua', email: 'amina@example.com' },
})
export const decisionBody = body(
  {
    allow: Type.Boolean(),
    query: Type.String({ maxLength: 8_000, description: 'The query of the authorization request.' }),
  },
  { allow: true, query: 'response_type=code&client_id=cli_01m0z3k8x2f4v5b6n7a9' },
)
export const redirectModel = answer(
  { redirectTo: Type.String({ description: 'Where the browser goes next.' }) },
  { redirectTo: 'https://shop.example/callback?code=q83vEjRWeJA&iss=http%3A%2F%2Flocalhost%3A3000' },
)

const grant = Type.Union([
  Type.Literal('authorization_code'),
  Type.Literal('refresh_token'),
  Type.Literal('client_credentials'),
])
const client = {
  id: Type.String(),
  name: Type.String(),
  isPublic: Type.Boolean({ description: 'An app on somebody’s device, which can keep no secret.' }),
  redirectUris: Type.Array(Type.String()),
  grants: Type.Array(grant),
  scopes: Type.Array(Type.String()),
  userId: Type.Union([Type.String(), Type.Null()], {
    description: 'The ATM, biller or other account that it acts as with its own credentials.',
  }),
  createdAt: moment,
}
const clientExample = {
  id: 'cli_01m0z3k8x2f4v5b6n7a9',
  name: 'Shop till',
  isPublic: false,
  redirectUris: ['https://shop.example/callback'],
  grants: ['authorization_code', 'refresh_token'],
  scopes: ['openid', 'profile', 'wallet:read'],
  userId: null,
  createdAt: '2026-11-24T09:30:00.000Z',
}
export const clientBody = body(
  {
    name: label,
    isPublic: Type.Optional(Type.Boolean()),
    redirectUris: Type.Optional(Type.Array(Type.String({ maxLength: 2_000 }), { maxItems: 20 })),
    grants: Type.Array(grant, { minItems: 1, uniqueItems: true }),
    scopes: Type.Array(Type.String({ maxLength: 40 }), { minItems: 1, maxItems: 50, uniqueItems: true }),
    userId: Type.Optional(idOf('usr')),
  },
  {
    name: 'Shop till',
    redirectUris: ['https://shop.example/callback'],
    grants: ['authorization_code', 'refresh_token'],
    scopes: ['openid', 'profile', 'wallet:read'],
  },
)
export const clientModel = answer(client, clientExample)
export const clientsModel = answer({ items: Type.Array(Type.Object(client)) }, { items: [clientExample] })
const clientSecret = Type.Union([Type.String(), Type.Null()], {
  description: 'Shown this once; a public client has none.',
})
export const newClientModel = answer({ ...client, clientSecret }, { ...clientExample, clientSecret: 'q83vEjRWeJA' })
export const secretModel = answer({ clientSecret: Type.String() }, { clientSecret: 'q83vEjRWeJA' })
export const rotateBody = body(
  { now: Type.Optional(Type.Boolean({ description: 'The key has leaked: withdraw it at once.' })) },
  { now: false },
)
export const keyModel = answer({ keyId: Type.String() }, { keyId: 'sgk_01m0z3k8x2f4v5b6n7a9' })

const application = {
  clientId: Type.String(),
  name: Type.String(),
  scopes: Type.Array(Type.String()),
  allowedAt: moment,
}
export const applicationsModel = answer(
  { items: Type.Array(Type.Object(application)) },
  {
    items: [
      {
        clientId: clientExample.id,
        name: clientExample.name,
        scopes: clientExample.scopes,
        allowedAt: clientExample.createdAt,
      },
    ],
  },
)

export const userInfoModel = Type.Object(
  {
    sub: Type.String(),
    name: Type.Optional(Type.String()),
    email: Type.Optional(Type.String()),
    email_verified: Type.Optional(Type.Boolean()),
    phone_number: Type.Optional(Type.String()),
    phone_number_verified: Type.Optional(Type.Boolean()),
    updated_at: Type.Optional(Type.Integer()),
  },
  { examples: [{ sub: 'usr_01m0z3k8x2f4v5b6n7a9', name: 'Amina Macuácua' }] },
)
export const openModel = Type.Object(
  {},
  { additionalProperties: true, examples: [{ issuer: 'http://localhost:3000' }] },
)
