/** The shapes of registering, signing in and staying so. */
import { Type } from '@sinclair/typebox'
import { answer, body, email, givenPassword, name, password, phone } from '../../../platform/http/fields'
import {
  anyCode,
  challengeId,
  codeChannel,
  codeMethod,
  credential,
  credentialExample,
  methods,
  sixDigits,
  user,
  userExample,
} from './user'

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

export const verifyEmailBody = body(
  { email, code: sixDigits, ...deviceMembers },
  { email: 'amina@example.com', code: '482913' },
)

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

export const passkeySignInBody = body(
  { challengeId, credential, rememberDevice, ...deviceMembers },
  { challengeId: 'chl_01m0z3k8x2f4v5b6n7a9', credential: credentialExample },
)

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
