/** Identity over HTTP: each group of routes in a file of its own. */
import { Elysia } from 'elysia'
import type { Cookies } from '../../../platform/http/cookies'
import type { RateLimiter } from '../../../platform/http/rate-limit'
import type { RouteWords } from '../../../platform/http/route'
import type { Clock } from '../../../platform/ids'
import type { Identity } from '../service'
import { accessRoutes } from './access'
import { accountRoutes } from './account'
import { factorRoutes } from './factors'
import { createHands } from './hands'
import { operatorRoutes } from './operator'
import { signInRoutes } from './sign-in'

export interface IdentityRouteParts {
  words: RouteWords
  cookies: Cookies
  csrfTokenOf: (sessionId: string) => string
  /** Absent when limits are off. */
  limiter: RateLimiter | undefined
  clock: Clock
}

export function identityRoutes(
  identity: Identity,
  { words, cookies, csrfTokenOf, limiter, clock }: IdentityRouteParts,
) {
  const hands = createHands(identity, cookies, csrfTokenOf, limiter)
  return new Elysia({ name: 'identity', normalize: false })
    .use(signInRoutes(identity, hands, cookies, csrfTokenOf, words))
    .use(accountRoutes(identity, hands, words))
    .use(factorRoutes(identity, hands, words))
    .use(accessRoutes(identity, hands, cookies, clock, words))
    .use(operatorRoutes(identity, hands, words))
}
