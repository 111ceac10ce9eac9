/** Sign-in, the profile and the PIN, over HTTP. */
import { Type } from '@sinclair/typebox'
import { Elysia } from 'elysia'
import { contextOf, principalOf } from '../../platform/http/context'
import { problems, unwrap } from '../../platform/http/problem'
import { type RateLimiter, takeForFactor } from '../../platform/http/rate-limit'
import type { RouteWords } from '../../platform/http/route'
import { identityFailures } from './failures'
import {
  createUserBody,
  emailBody,
  loginBody,
  pinBody,
  profileBody,
  refreshBody,
  registerBody,
  registeredModel,
  setupBody,
  signedInModel,
  userModel,
  verifyEmailBody,
} from './model'
import type { Identity } from './service'
import { emailKeyOf } from './service/users'

const TAG = 'Sign-in'
/** Tries of one address at one account in a minute, apart from all other limits. */
const ACCOUNT_TRIES = 10

export function identityRoutes(identity: Identity, { route }: RouteWords, limiter: RateLimiter | undefined) {
  /** A stranger who guesses at an account uses up his own tries there, never the owner’s. */
  function limitTries(request: Request, act: string, email: string): void {
    if (limiter) takeForFactor(limiter, `${act} ${emailKeyOf(email)} ${contextOf(request).address}`, ACCOUNT_TRIES)
  }

  return new Elysia({ name: 'identity', normalize: false })
    .post(
      '/auth/register',
      async ({ body, set }) => {
        set.status = 201
        return { user: await identity.register(body) }
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
        response: { 201: registeredModel },
      },
    )
    .post(
      '/auth/verify-email',
      async ({ body, request }) => {
        limitTries(request, 'code', body.email)
        return unwrap(await identity.verifyEmail(body.email, body.code, contextOf(request).address), identityFailures)
      },
      {
        ...route({ scopes: 'public', tag: TAG, summary: 'Confirm the e-mail address with the code, and sign in' }),
        body: verifyEmailBody,
        response: { 200: signedInModel, ...problems(identityFailures, 'code_invalid') },
      },
    )
    .post(
      '/auth/resend-verification',
      async ({ body, set }) => {
        await identity.resendVerification(body.email)
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
        limitTries(request, 'password', body.email)
        return unwrap(await identity.login(body.email, body.password, contextOf(request).address), identityFailures)
      },
      {
        ...route({
          scopes: 'public',
          tag: TAG,
          summary: 'Sign in',
          description: 'Copy `accessToken` into **Authorize** above to try the routes that need it.',
        }),
        body: loginBody,
        response: {
          200: signedInModel,
          ...problems(identityFailures, 'credentials_invalid', 'account_pending', 'account_frozen', 'account_closed'),
        },
      },
    )
    .post(
      '/auth/refresh',
      async ({ body, request }) =>
        unwrap(await identity.refresh(body.refreshToken, contextOf(request).address), identityFailures),
      {
        ...route({
          scopes: 'public',
          tag: TAG,
          summary: 'Exchange the refresh token for new tokens',
          description: 'Each refresh token works once. One that comes again later ends its session everywhere.',
        }),
        body: refreshBody,
        response: { 200: signedInModel, ...problems(identityFailures, 'refresh_token_invalid') },
      },
    )
    .post(
      '/auth/logout',
      async ({ body, set }) => {
        await identity.logout(body.refreshToken)
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
    .get('/auth/profile', ({ request }) => identity.profile(principalOf(request).userId), {
      ...route({ scopes: ['profile:read'], tag: TAG, summary: 'My profile' }),
      response: { 200: userModel },
    })
    .patch(
      '/auth/profile',
      async ({ body, request }) =>
        unwrap(await identity.updateProfile(principalOf(request).userId, body), identityFailures),
      {
        ...route({ scopes: ['profile:write'], tag: TAG, summary: 'Change my name or phone number' }),
        body: profileBody,
        response: { 200: userModel, ...problems(identityFailures, 'phone_taken') },
      },
    )
    .put(
      '/auth/pin',
      async ({ body, request, set }) => {
        const { address, principal } = contextOf(request)
        const userId = principal?.userId ?? ''
        if (limiter) takeForFactor(limiter, `pin-password ${userId}`, ACCOUNT_TRIES)
        unwrap(await identity.setPin(userId, body.pin, body.password, address), identityFailures)
        set.status = 204
      },
      {
        ...route({
          scopes: ['profile:write'],
          tag: TAG,
          summary: 'Choose or change my PIN',
          description: 'The PIN authorizes money. It takes the password, and ends a lock of the PIN before it.',
        }),
        body: pinBody,
        response: { 204: Type.Void(), ...problems(identityFailures, 'password_wrong', 'pin_trivial') },
      },
    )
    .post(
      '/users',
      async ({ body, request, set }) => {
        set.status = 201
        return unwrap(await identity.createUser(body, principalOf(request).userId), identityFailures)
      },
      {
        ...route({
          scopes: ['users:manage'],
          tag: 'Operator',
          summary: 'Create an agent, an ATM, an operator or a customer',
          description: 'The account is active at once: whoever creates it vouches for it.',
        }),
        body: createUserBody,
        response: { 201: userModel, ...problems(identityFailures, 'email_taken', 'phone_taken', 'pin_trivial') },
      },
    )
    .post(
      '/setup',
      async ({ body, set }) => {
        set.status = 201
        return unwrap(await identity.setup.complete(body), identityFailures)
      },
      {
        ...route({
          scopes: 'public',
          tag: 'Operator',
          summary: 'Make the first operator, with the token of the set-up link',
        }),
        body: setupBody,
        response: { 201: userModel, ...problems(identityFailures, 'setup_token_invalid', 'email_taken') },
      },
    )
}
