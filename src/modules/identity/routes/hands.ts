/** What the routes of identity share: whose request it is, where it comes from, and how a sign-in is answered. */
import { contextOf, principalOf } from '../../../platform/http/context'
import { type Cookies, isCrossSite } from '../../../platform/http/cookies'
import { httpProblem, unwrap } from '../../../platform/http/problem'
import { type RateLimiter, takeForFactor } from '../../../platform/http/rate-limit'
import { identityFailures } from '../failures'
import type { Identity } from '../service'
import type { Here } from '../service/second-factors'
import type { OpenedSession } from '../service/sessions'
import type { Admitted, DeviceOrigin } from '../service/sign-in'
import { emailKeyOf, type User } from '../service/users'

/** Tries of one address at one account, and of one person at their own password or code, in a minute. */
const TRIES = 10
/** Codes and passkeys that one address may show in a minute, whosever they are. */
const FACTOR_TRIES = 60

export interface SessionWish {
  session?: 'token' | 'cookie'
  deviceToken?: string
}

export function createHands(
  identity: Identity,
  cookies: Cookies,
  csrfTokenOf: (sessionId: string) => string,
  limiter: RateLimiter | undefined,
) {
  const addressOf = (request: Request) => contextOf(request).address

  /** Whoever guesses so often that a limit stops them leaves one row a minute in the audit log. */
  function limit(request: Request, key: string, most: number, what: string, subject: string): void {
    if (!limiter) return
    takeForFactor(limiter, `${what} ${key}`, most, () => {
      identity.noteLimit({ what, subject, address: addressOf(request) })
    })
  }

  async function answer(request: Request, session: OpenedSession, wish: SessionWish, deviceToken?: string) {
    const { accessToken, refreshToken, ...rest } = await identity.tokensOf(session)
    if (refreshToken === undefined) throw new Error('A person’s session has a refresh token.')
    const device = deviceToken === undefined ? {} : { deviceToken }
    if (wish.session !== 'cookie') return { accessToken, refreshToken, ...rest, ...device }
    cookies.setSession(request, { accessToken, refreshToken, expiresIn: rest.expiresIn })
    if (deviceToken !== undefined) cookies.setDevice(request, deviceToken)
    return { csrfToken: csrfTokenOf(session.id), ...rest }
  }

  return {
    addressOf,

    /** Where a sign-in comes from. */
    origin(request: Request, wish: SessionWish = {}): DeviceOrigin {
      return {
        address: addressOf(request),
        userAgent: request.headers.get('user-agent') ?? 'unknown',
        deviceToken: wish.deviceToken ?? cookies.deviceToken(request),
      }
    },

    answer,
    admitted: (request: Request, { session, deviceToken }: Admitted, wish: SessionWish) =>
      answer(request, session, wish, deviceToken),

    /** The refresh token of the body, or of the cookie when no other site sent it. */
    refreshToken(request: Request, given: string | undefined): { token: string; wish: SessionWish } {
      if (given !== undefined) return { token: given, wish: {} }
      if (isCrossSite(request)) throw httpProblem('csrf_token_invalid')
      return { token: cookies.refreshToken(request) ?? '', wish: { session: 'cookie' } }
    },

    here(request: Request): Here {
      return { sessionId: principalOf(request).sessionId, address: addressOf(request) }
    },

    user: (request: Request): Promise<User> => identity.known(principalOf(request).userId),

    /** The user, if the session has lately seen a proof that it is they. */
    async sure(request: Request): Promise<User> {
      const { userId, sessionId } = principalOf(request)
      const user = await identity.known(userId)
      unwrap(await identity.stepUp.required(user, sessionId), identityFailures)
      return user
    },

    /** A stranger who guesses at an account uses up his own tries there, never the owner’s. */
    limitStranger(request: Request, act: string, email: string): void {
      limit(request, `${emailKeyOf(email)} ${addressOf(request)}`, TRIES, act, identity.users.idFor(email))
    },

    /** Tries at a code or a passkey before anybody is signed in. */
    limitFactor(request: Request): void {
      limit(request, addressOf(request), FACTOR_TRIES, 'factor', 'unknown')
    },

    limitOwn(request: Request, act: string): void {
      const { userId } = principalOf(request)
      limit(request, userId, TRIES, act, userId)
    },
  }
}

export type Hands = ReturnType<typeof createHands>
