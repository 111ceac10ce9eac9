/** Registering, signing in, and staying so, over HTTP. */
import { Type } from '@sinclair/typebox'
import { Elysia } from 'elysia'
import { principalOf } from '../../../platform/http/context'
import type { Cookies } from '../../../platform/http/cookies'
import { problems, unwrap } from '../../../platform/http/problem'
import type { RouteWords } from '../../../platform/http/route'
import { identityFailures } from '../failures'
import {
  csrfModel,
  loginBody,
  loginModel,
  passkeyOptionsBody,
  passkeySignInBody,
  refreshBody,
  registerBody,
  registeredModel,
  resetBody,
  secondFactorBody,
  sendFactorBody,
  signedInModel,
  verifyEmailBody,
} from '../model/sign-in'
import { emailBody, passkeyAskedModel } from '../model/user'
import type { Identity } from '../service'
import type { Hands } from './hands'

const TAG = 'Sign-in'

export function signInRoutes(
  identity: Identity,
  hands: Hands,
  cookies: Cookies,
  csrfTokenOf: (sessionId: string) => string,
  { route }: RouteWords,
) {
  const { registration, signIn, sessions, recovery } = identity
  return new Elysia({ name: 'identity-sign-in', normalize: false })
    .post(
      '/auth/register',
      async ({ body, request, set }) => {
        const user = unwrap(await registration.register(body, hands.addressOf(request)), identityFailures)
        set.status = 201
        return { user }
      },
      {
        ...route({
          scopes: 'public',
          tag: TAG,
          summary: 'Register',
          description:
            'Makes a pending account and mails a code of six digits. The answer is the same for an address that has an account: its owner is told by mail.',
        }),
        body: registerBody,
        response: { 201: registeredModel, ...problems(identityFailures, 'password_common') },
      },
    )
    .post(
      '/auth/verify-email',
      async ({ body, request }) => {
        hands.limitStranger(request, 'code', body.email)
        const verified = await registration.verify(body.email, body.code, hands.origin(request, body))
        return hands.admitted(request, unwrap(verified, identityFailures), body)
      },
      {
        ...route({
          scopes: 'public',
          tag: TAG,
          summary: 'Confirm the e-mail address with the code, and sign in',
          description:
            'A phone number that was given at the registration gets a code of its own: POST /auth/phone/verify.',
        }),
        body: verifyEmailBody,
        response: { 200: signedInModel, ...problems(identityFailures, 'code_invalid') },
      },
    )
    .post(
      '/auth/resend-verification',
      async ({ body, set }) => {
        await registration.resend(body.email)
        set.status = 202
        return {}
      },
      {
        ...route({
          scopes: 'public',
          tag: TAG,
          summary: 'Send the code again',
          description:
            'At most one in 60 s, three in 10 min and ten in a day. The answer is the same for every address.',
        }),
        body: emailBody,
        response: { 202: Type.Object({}) },
      },
    )
    .post(
      '/auth/login',
      async ({ body, request }) => {
        hands.limitStranger(request, 'password', body.email)
        const result = await signIn.login(body.email, body.password, hands.origin(request, body))
        const outcome = unwrap(result, identityFailures)
        return 'challenged' in outcome
          ? { twoFactor: outcome.challenged }
          : hands.admitted(request, outcome.admitted, body)
      },
      {
        ...route({
          scopes: 'public',
          tag: TAG,
          summary: 'Sign in',
          description:
            'Copy `accessToken` into **Authorize** above to try the routes that need it. An account with a second factor gets `twoFactor` instead: go on at /auth/login/2fa.',
        }),
        body: loginBody,
        response: {
          200: loginModel,
          ...problems(
            identityFailures,
            'credentials_invalid',
            'account_pending',
            'account_frozen',
            'account_closed',
            'sign_in_busy',
          ),
        },
      },
    )
    .post(
      '/auth/login/2fa',
      async ({ body, request }) => {
        hands.limitFactor(request)
        const { challengeId, method, code, rememberDevice: remember = false } = body
        const result = await signIn.complete({ challengeId, method, code, remember }, hands.origin(request, body))
        return hands.admitted(request, unwrap(result, identityFailures), body)
      },
      {
        ...route({
          scopes: 'public',
          tag: TAG,
          summary: 'Sign in: the second factor',
          description: 'Five wrong codes end the challenge; ten in a row lock the codes of the account for 15 minutes.',
        }),
        body: secondFactorBody,
        response: {
          200: signedInModel,
          ...problems(
            identityFailures,
            'challenge_invalid',
            'code_invalid',
            'method_not_available',
            'second_factor_locked',
          ),
        },
      },
    )
    .post(
      '/auth/login/2fa/send',
      async ({ body, request, set }) => {
        hands.limitFactor(request)
        unwrap(await signIn.sendCode(body.challengeId, body.method), identityFailures)
        set.status = 202
        return {}
      },
      {
        ...route({
          scopes: 'public',
          tag: TAG,
          summary: 'Sign in: send a code by e-mail or SMS',
          description: 'Six digits that count for five minutes. At most one in 60 s, three in 10 min and ten in a day.',
        }),
        body: sendFactorBody,
        response: {
          202: Type.Object({}),
          ...problems(identityFailures, 'challenge_invalid', 'method_not_available'),
        },
      },
    )
    .post(
      '/auth/login/passkey/options',
      async ({ body, request }) => {
        hands.limitFactor(request)
        return unwrap(await signIn.askPasskey(body.challengeId), identityFailures)
      },
      {
        ...route({
          scopes: 'public',
          tag: TAG,
          summary: 'Sign in with a passkey: what the browser is to ask it',
          description:
            'Without `challengeId` the passkey stands for the password and the second factor; with the one that /auth/login answered it is the second factor.',
        }),
        body: passkeyOptionsBody,
        response: {
          200: passkeyAskedModel,
          ...problems(identityFailures, 'challenge_invalid', 'method_not_available'),
        },
      },
    )
    .post(
      '/auth/login/passkey',
      async ({ body, request }) => {
        hands.limitFactor(request)
        const { challengeId, credential, rememberDevice: remember = false } = body
        const input = { challengeId, credential, remember }
        const result = await signIn.completeWithPasskey(input, hands.origin(request, body))
        return hands.admitted(request, unwrap(result, identityFailures), body)
      },
      {
        ...route({ scopes: 'public', tag: TAG, summary: 'Sign in with a passkey: its answer' }),
        body: passkeySignInBody,
        response: {
          200: signedInModel,
          ...problems(
            identityFailures,
            'challenge_invalid',
            'passkey_invalid',
            'account_pending',
            'account_frozen',
            'account_closed',
          ),
        },
      },
    )
    .post(
      '/auth/refresh',
      async ({ body, request }) => {
        const { token, wish } = hands.refreshToken(request, body.refreshToken)
        const result = await sessions.refresh(token, hands.addressOf(request))
        return hands.answer(request, unwrap(result, identityFailures), wish)
      },
      {
        ...route({
          scopes: 'public',
          tag: TAG,
          summary: 'Exchange the refresh token for new tokens',
          description:
            'Each refresh token works once. One that comes again later than 20 s ends its session everywhere. A browser screen sends an empty object: its cookie has the token.',
        }),
        body: refreshBody,
        response: { 200: signedInModel, ...problems(identityFailures, 'refresh_token_invalid') },
      },
    )
    .post(
      '/auth/logout',
      async ({ body, request, set }) => {
        const { token } = hands.refreshToken(request, body.refreshToken)
        await sessions.close(token, hands.addressOf(request))
        cookies.clearSession(request)
        set.status = 204
      },
      {
        ...route({
          scopes: 'public',
          tag: TAG,
          summary: 'Sign out',
          description: 'The access token ends with it, at once.',
        }),
        body: refreshBody,
        response: { 204: Type.Void() },
      },
    )
    .get('/auth/csrf', ({ request }) => ({ csrfToken: csrfTokenOf(principalOf(request).sessionId) }), {
      ...route({
        scopes: ['profile:read'],
        tag: TAG,
        summary: 'The CSRF token of my session',
        description: 'For a browser screen that was loaded anew.',
      }),
      response: { 200: csrfModel },
    })
    .post(
      '/auth/forgot-password',
      async ({ body, set }) => {
        await recovery.forgot(body.email)
        set.status = 202
        return {}
      },
      {
        ...route({
          scopes: 'public',
          tag: TAG,
          summary: 'Forgot the password: mail me a link',
          description: 'The answer is the same for every address. The link works once, for 30 minutes.',
        }),
        body: emailBody,
        response: { 202: Type.Object({}) },
      },
    )
    .post(
      '/auth/reset-password',
      async ({ body, request, set }) => {
        hands.limitFactor(request)
        unwrap(await recovery.reset(body.token, body.password, hands.addressOf(request)), identityFailures)
        set.status = 204
      },
      {
        ...route({
          scopes: 'public',
          tag: TAG,
          summary: 'Choose a new password with the token of the link',
          description: 'Ends every session and API key. It signs nobody in: a second factor is asked for as always.',
        }),
        body: resetBody,
        response: { 204: Type.Void(), ...problems(identityFailures, 'reset_token_invalid', 'password_common') },
      },
    )
}
