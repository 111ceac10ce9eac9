/**
 * What every route states beside its schemas: who may call it, and what it is for. `route({ scopes, … })` is spread into
 * the options of an Elysia route; it brings the guard and the route's part of the OpenAPI document.
 *
 * @example
 * app.get('/agents/me', handler, { ...route({ scopes: ['agents:read'], tag: 'Agents', summary: 'My till' }), response })
 */

import { sameHash } from '../security/keyring'
import { contextOf, hasCredentials, type Principal } from './context'
import { type Cookies, CSRF_HEADER, isCrossSite } from './cookies'
import { httpProblem } from './problem'
import { type RateLimiter, takeOrRefuse } from './rate-limit'

export interface RouteStatement {
  /** The scopes that the access token must have, all of them; or that anybody may call it. */
  scopes: 'public' | readonly string[]
  tag: string
  summary: string
  description?: string
  /** It takes an `Idempotency-Key`. */
  idempotent?: boolean
  /** It takes a form instead of JSON. */
  form?: boolean
  /** The media type of its success, if that is not JSON. */
  answers?: string
}

/** The OpenAPI extension members in which a route's statement is kept. */
export const SCOPES_MEMBER = 'x-scopes'
export const IDEMPOTENT_MEMBER = 'x-idempotent'
export const FORM_MEMBER = 'x-form'
export const ANSWERS_MEMBER = 'x-answers'

export type Authenticate = (token: string) => Promise<Principal | undefined> | Principal | undefined

export interface GuardOptions {
  authenticate: Authenticate
  cookies: Pick<Cookies, 'accessToken'>
  /** What a request that changes something must carry when a cookie says whose it is. */
  csrfTokenOf: (sessionId: string) => string
  limiter: RateLimiter
  /** Requests a minute; 0 turns limits off. */
  limits: { anonymous: number; user: number }
}

interface Guarded {
  request: Request
  route: string
}

/** The words in which `routes.ts` files state their routes. */
export interface RouteWords {
  route(statement: RouteStatement): { transform: (context: Guarded) => Promise<void> | void; detail: RouteDetail }
}

export interface RouteDetail {
  tags: string[]
  summary: string
  description?: string
  [SCOPES_MEMBER]: 'public' | readonly string[]
  [IDEMPOTENT_MEMBER]: boolean
  [FORM_MEMBER]: boolean
  [ANSWERS_MEMBER]?: string
}

const SAFE_METHODS = new Set(['GET', 'HEAD'])
const BEARER = 'bearer '

const isBearer = (header: string) => header.slice(0, BEARER.length).toLowerCase() === BEARER

export function createRouteWords({ authenticate, cookies, csrfTokenOf, limiter, limits }: GuardOptions): RouteWords {
  function limitUser(request: Request, principal: Principal): void {
    if (limits.anonymous === 0) return
    const { answerHeaders } = contextOf(request)
    takeOrRefuse(limiter, `user ${principal.userId}`, limits.user, answerHeaders)
  }

  function limitStranger(request: Request): void {
    if (limits.anonymous === 0) return
    const { address, answerHeaders } = contextOf(request)
    takeOrRefuse(limiter, `address ${address}`, limits.anonymous, answerHeaders)
  }

  function guard(scopes: readonly string[]): (context: Guarded) => Promise<void> | void {
    function admit(request: Request, principal: Principal | undefined): void {
      if (!principal) {
        limitStranger(request)
        throw httpProblem('unauthenticated', undefined, undefined, {
          'www-authenticate': 'Bearer error="invalid_token"',
        })
      }
      contextOf(request).principal = principal
      limitUser(request, principal)
      if (scopes.every((scope) => principal.scopes.has(scope))) return
      const missing = scopes.filter((scope) => !principal.scopes.has(scope))
      if (principal.restricted) throw httpProblem('second_factor_required')
      throw httpProblem('insufficient_scope', `This needs the scope ${missing.join(' ')}.`, { required: scopes })
    }

    async function admitByCookie(request: Request): Promise<void> {
      const token = cookies.accessToken(request)
      if (token === undefined) {
        if (hasCredentials(request)) limitStranger(request)
        throw httpProblem('unauthenticated', undefined, undefined, { 'www-authenticate': 'Bearer' })
      }
      const principal = await authenticate(token)
      if (principal && !SAFE_METHODS.has(request.method)) {
        const given = request.headers.get(CSRF_HEADER) ?? ''
        if (isCrossSite(request) || !sameHash(given, csrfTokenOf(principal.sessionId)))
          throw httpProblem('csrf_token_invalid')
      }
      admit(request, principal)
    }

    return ({ request, route }) => {
      contextOf(request).route = route
      const header = request.headers.get('authorization')
      if (header === null) return admitByCookie(request)
      const found = isBearer(header) ? authenticate(header.slice(BEARER.length)) : undefined
      // A token that was seen before is answered at once, without a turn through a promise.
      return found instanceof Promise ? found.then((principal) => admit(request, principal)) : admit(request, found)
    }
  }

  function open({ request, route }: Guarded): void {
    contextOf(request).route = route
    // One without any was counted when it came in.
    if (hasCredentials(request)) limitStranger(request)
  }

  return {
    route: ({ scopes, tag, summary, description, idempotent = false, form = false, answers }) => ({
      transform: scopes === 'public' ? open : guard(scopes),
      detail: {
        tags: [tag],
        summary,
        ...(description === undefined ? {} : { description }),
        [SCOPES_MEMBER]: scopes,
        [IDEMPOTENT_MEMBER]: idempotent,
        [FORM_MEMBER]: form,
        ...(answers === undefined ? {} : { [ANSWERS_MEMBER]: answers }),
      },
    }),
  }
}
