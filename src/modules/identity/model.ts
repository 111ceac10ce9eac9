/** The shapes of identity’s requests and answers. */
import { type TSchema, Type } from '@sinclair/typebox'
import {
  answer,
  body,
  email,
  givenPassword,
  idOf,
  label,
  moment,
  name,
  password,
  phone,
  pin,
} from '../../platform/http/fields'
import { pageOf, pageQuery } from '../../platform/http/page'
import { type Role, roles } from './roles'

const user = {
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

const userExample = {
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
function all<Members extends Record<string, TSchema>>(members: Members, example: object) {
  return answer({ items: Type.Array(Type.Object(members)) }, { items: [example] })
}

const methods = Type.Array(
  Type.Union([
    Type.Literal('totp'),
    Type.Literal('passkey'),
    Type.Literal('email'),
    Type.Literal('sms'),
    Type.Literal('recovery'),
  ]),
)

const signedIn = {
  expiresIn: Type.Integer({ description: 'Seconds until the access token expires.' }),
  user: Type.Object(user),
  secondFactorRequired: Type.Boolean({
    description: 'The session may do nothing but set up the second factor that the role demands.',
  }),
  deviceToken: Type.Optional(
    Type.String({ description: 'Keep it, and send it with the next sign-in: the device is known by it.' }),
  ),
}

const signedInExample = { expiresIn: 900, user: userExample, secondFactorRequired: false }

const tokensModel = answer(
  {
    accessToken: Type.String({ description: 'Send it as `Authorization: Bearer …`.' }),
    refreshToken: Type.String({ description: 'Exchange it once, at /auth/refresh.' }),
    ...signedIn,
  },
  {
    accessToken: 'eyJhbGciOiJIUzI1NiIsInR5cCI6ImF0K2p3dCJ9.e30.c2ln',
    refreshToken: 'kq3v1m0Jt7Qp2sX9bT4yZr8uWc5nLd6eAf0gHi1jKl2',
    ...signedInExample,
  },
)

const cookieModel = answer(
  {
    csrfToken: Type.String({ description: 'Send it as `x-csrf-token` with every request that changes something.' }),
    ...signedIn,
  },
  { csrfToken: 'pX0nJ2mXh0o8Qd3rVbN6tYw1sL5kFz9aCe7gUi4jHqM', ...signedInExample },
)

const challengedModel = answer(
  { twoFactor: Type.Object({ challengeId: Type.String(), methods }) },
  { twoFactor: { challengeId: 'chl_01m0z3k8x2f4v5b6n7a9', methods: ['totp', 'recovery'] } },
)

export const userModel = answer(user, userExample)
/** Tokens for a client that keeps them, or cookies for a browser. */
export const signedInModel = Type.Union([tokensModel, cookieModel], { examples: tokensModel.examples })
export const loginModel = Type.Union([tokensModel, cookieModel, challengedModel], { examples: tokensModel.examples })

export const registerBody = body(
  { name, email, phone: Type.Optional(phone), password },
  { name: 'Amina Macuácua', email: 'amina@example.com', phone: '+258841234567', password: 'a long walk to the sea' },
)
export const registeredModel = answer(
  { user: Type.Object({ id: Type.String(), status: Type.Literal('pending_verification') }) },
  { user: { id: userExample.id, status: 'pending_verification' } },
)

const deviceMembers = {
  deviceToken: Type.Optional(
    Type.String({ maxLength: 100, description: 'What this device was given when it signed in before.' }),
  ),
  session: Type.Optional(
    Type.Union([Type.Literal('token'), Type.Literal('cookie')], {
      description: '`cookie` sets httpOnly cookies for a browser screen of this server instead of answering tokens.',
    }),
  ),
}
const rememberDevice = Type.Optional(
  Type.Boolean({ description: 'Ask this device for no second factor for 30 days; it needs the answer’s deviceToken.' }),
)

const sixDigits = Type.String({ minLength: 1, maxLength: 20, description: 'The six digits that were sent.' })
const anyCode = Type.String({ minLength: 1, maxLength: 64, description: 'Six digits, or a recovery code.' })
const codeMethod = Type.Union([
  Type.Literal('totp'),
  Type.Literal('recovery'),
  Type.Literal('email'),
  Type.Literal('sms'),
])
const codeChannel = Type.Union([Type.Literal('email'), Type.Literal('sms')])
const challengeId = idOf('chl')
/** What the browser's `navigator.credentials` gave, as its `toJSON()` writes it. */
const credential = Type.Object(
  { id: Type.String({ minLength: 1, maxLength: 1400 }), response: Type.Object({}, { additionalProperties: true }) },
  { additionalProperties: true },
)
const credentialExample = {
  id: 'q83vEjRWeJA',
  rawId: 'q83vEjRWeJA',
  type: 'public-key',
  response: {},
  clientExtensionResults: {},
}

export const verifyEmailBody = body(
  { email, code: sixDigits, ...deviceMembers },
  { email: 'amina@example.com', code: '482913' },
)
export const emailBody = body({ email }, { email: 'amina@example.com' })
export const codeBody = body({ code: sixDigits }, { code: '482913' })
export const phoneBody = body({ phone }, { phone: '+258841234567' })

export const loginBody = body(
  { email, password: givenPassword, ...deviceMembers },
  { email: 'customer@demo.kumbu', password: 'kumbu-demo-2026' },
)
export const secondFactorBody = body(
  { challengeId, method: codeMethod, code: anyCode, rememberDevice, ...deviceMembers },
  { challengeId: 'chl_01m0z3k8x2f4v5b6n7a9', method: 'totp', code: '482913' },
)
export const sendFactorBody = body(
  { challengeId, method: codeChannel },
  { challengeId: 'chl_01m0z3k8x2f4v5b6n7a9', method: 'email' },
)
export const passkeyOptionsBody = body(
  { challengeId: Type.Optional(challengeId) },
  { challengeId: 'chl_01m0z3k8x2f4v5b6n7a9' },
)
export const passkeyAskedModel = answer(
  { challengeId: Type.String(), options: Type.Object({}, { additionalProperties: true }) },
  { challengeId: 'chl_01m0z3k8x2f4v5b6n7a9', options: { challenge: 'q83vEjRWeJA', rpId: 'localhost' } },
)
export const passkeySignInBody = body(
  { challengeId, credential, rememberDevice, ...deviceMembers },
  { challengeId: 'chl_01m0z3k8x2f4v5b6n7a9', credential: credentialExample },
)
export const passkeyRegisterBody = body(
  { challengeId, name: label, credential },
  { challengeId: 'chl_01m0z3k8x2f4v5b6n7a9', name: 'My phone', credential: credentialExample },
)
const passkey = {
  id: Type.String(),
  name: Type.String(),
  createdAt: moment,
  lastUsedAt: Type.Union([moment, Type.Null()]),
}
const passkeyExample = {
  id: 'psk_01m0z3k8x2f4v5b6n7a9',
  name: 'My phone',
  createdAt: '2026-11-24T09:30:00.000Z',
  lastUsedAt: null,
}
export const passkeyModel = answer(passkey, passkeyExample)
export const passkeysModel = all(passkey, passkeyExample)

export const refreshBody = body(
  { refreshToken: Type.Optional(Type.String({ minLength: 1, maxLength: 200 })) },
  { refreshToken: 'kq3v1m0Jt7Qp2sX9bT4yZr8uWc5nLd6eAf0gHi1jKl2' },
)
export const csrfModel = answer(
  { csrfToken: Type.String() },
  { csrfToken: 'pX0nJ2mXh0o8Qd3rVbN6tYw1sL5kFz9aCe7gUi4jHqM' },
)
export const resetBody = body(
  { token: Type.String({ minLength: 1, maxLength: 100 }), password },
  { token: '3q2-7wAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA', password: 'a longer walk to the sea' },
)
export const passwordBody = body(
  { currentPassword: givenPassword, newPassword: password },
  { currentPassword: 'kumbu-demo-2026', newPassword: 'a longer walk to the sea' },
)

export const profileBody = body({ name: Type.Optional(name) }, { name: 'Amina M. Macuácua' })
export const pinBody = body(
  { pin, password: Type.Optional(givenPassword) },
  { pin: '2580', password: 'kumbu-demo-2026' },
)

export const stepUpBody = body(
  {
    password: Type.Optional(givenPassword),
    method: Type.Optional(codeMethod),
    code: Type.Optional(anyCode),
    challengeId: Type.Optional(challengeId),
    credential: Type.Optional(credential),
  },
  { password: 'kumbu-demo-2026' },
)
export const sendStepUpBody = body({ method: codeChannel }, { method: 'email' })

export const factorsModel = answer(
  {
    methods,
    recoveryCodesLeft: Type.Integer(),
    required: Type.Boolean({ description: 'Whether the role demands a second factor.' }),
  },
  { methods: ['totp'], recoveryCodesLeft: 10, required: false },
)
export const totpModel = answer(
  {
    secret: Type.String({ description: 'Base32, to be typed into an authenticator app.' }),
    otpauthUri: Type.String({ description: 'The same as an address that apps understand.' }),
    qr: Type.Object({ svg: Type.String(), png: Type.String({ description: 'A data address.' }) }),
  },
  {
    secret: 'JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP',
    otpauthUri: 'otpauth://totp/Kumbu:amina%40example.com?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=Kumbu',
    qr: { svg: '<svg/>', png: 'data:image/png;base64,…' },
  },
)
export const recoveryCodesModel = answer(
  { recoveryCodes: Type.Array(Type.String(), { description: 'Each works once. They are shown this once.' }) },
  { recoveryCodes: ['7k2mq-x94hd', 'p0c3v-81ztn'] },
)
export const methodParam = Type.Object({ method: codeChannel })

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

export const exportModel = Type.Object(
  { profile: Type.Object(user) },
  { additionalProperties: true, examples: [{ profile: userExample }] },
)

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
