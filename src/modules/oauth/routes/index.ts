/** OAuth over HTTP: what clients speak to, at the root, and what people and operators do, under the API. */
import type { RateLimiter } from '../../../platform/http/rate-limit'
import type { RouteWords } from '../../../platform/http/route'
import type { Identity } from '../../identity'
import type { OAuth } from '../service'
import { oauthApiRoutes } from './api'
import { protocolRoutes } from './protocol'

export const oauthRoutes = (oauth: OAuth, identity: Identity, words: RouteWords, limiter: RateLimiter | undefined) => ({
  protocol: protocolRoutes(oauth, words, limiter),
  api: oauthApiRoutes(oauth, identity, words),
})
