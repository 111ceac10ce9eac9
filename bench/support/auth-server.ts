/**
 * Two routes that do the same, one open and one that wants a signed-in person, behind the pipeline and the guard that
 * Kumbu has, and with its sessions. `bun bench/support/auth-server.ts <data folder>` prints its address.
 */
import { Type } from '@sinclair/typebox'
import { type AnyElysia, Elysia } from 'elysia'
import { createApp } from '../../src/app'
import { boot } from '../../src/cli/boot'
import { loadConfig } from '../../src/config'
import { contextOf } from '../../src/platform/http/context'
import { createCookies } from '../../src/platform/http/cookies'
import { toProblem } from '../../src/platform/http/errors'
import { answer } from '../../src/platform/http/fields'
import { createPipeline } from '../../src/platform/http/pipeline'
import { renderProblem } from '../../src/platform/http/problem'
import { createRateLimiter } from '../../src/platform/http/rate-limit'
import { createRouteWords } from '../../src/platform/http/route'
import { listen } from '../../src/platform/http/server'
import { noTraffic } from '../../src/platform/queue/traffic'

const [data = ''] = process.argv.slice(2)
const config = loadConfig({ data, 'log-level': 'silent', mode: 'production', 'rate-limit': '0' }, {}, false)
const { runtime } = await boot(config)
const { clock, keyring, newId, log, metrics, store } = runtime
const { identity } = createApp(config, runtime)
const limiter = createRateLimiter(clock)
const { route } = createRouteWords({
  authenticate: identity.authenticate,
  cookies: createCookies({ https: false }),
  csrfTokenOf: (sessionId) => keyring.hash('csrf', sessionId),
  limiter,
  limits: { anonymous: 0, user: 0 },
})
const told = answer({ name: Type.String(), balance: Type.Integer() })
const tell = () => ({ name: 'Amina Macuácua', balance: 12_345 })
const words = { tag: 'Bench', summary: 'The same' }
const app: AnyElysia = new Elysia({ normalize: false })
  .onError(({ code, error, request }) => {
    const { id } = contextOf(request)
    return renderProblem(
      toProblem({ code, error, request }, () => app, log, id),
      id,
    )
  })
  .get('/open', tell, { ...route({ scopes: 'public', ...words }), response: told })
  .get('/guarded', tell, { ...route({ scopes: ['profile:read'], ...words }), response: told })
  .post(
    '/revoke/:sessionId',
    async ({ params }: { params: { sessionId: string } }) => {
      await store.write((tx) => identity.sessions.revoke(tx, [params.sessionId], 'bench'))
      return tell()
    },
    route({ scopes: 'public', ...words }),
  )
const pipeline = createPipeline((request) => app.fetch(request), {
  newId,
  log,
  metrics,
  limiter,
  aliases: [],
  traffic: noTraffic,
  bodyFormOf: () => 'json',
  anonymousLimit: 0,
  trustedProxies: [],
  corsOrigins: [],
  https: false,
  logRequests: false,
})
console.log(`on http://127.0.0.1:${listen(pipeline, '127.0.0.1', 0).port}`)
