/** Composes the modules into one application; the only file that knows them all. */
import { Elysia } from 'elysia'
import packageJson from '../package.json' with { type: 'json' }
import type { Config } from './config'
import { agentsRoutes, createAgents } from './modules/agents'
import { createIdentity, identityRoutes } from './modules/identity'
import { createLedger, ledgerRoutes } from './modules/ledger'
import {
  type Channel,
  createInbox,
  createMailChannel,
  createNotifications,
  createSmsChannel,
  inboxRoutes,
} from './modules/notifications'
import { asOAuthError, createOAuth, oauthRoutes } from './modules/oauth'
import { createWallet, walletRoutes } from './modules/wallet'
import { createWithdrawals, withdrawalRoutes } from './modules/withdrawals'
import { createEvents } from './platform/events'
import { readBody } from './platform/http/body'
import { contextOf } from './platform/http/context'
import { createCookies } from './platform/http/cookies'
import { toProblem } from './platform/http/errors'
import { createIdempotency } from './platform/http/idempotency'
import { openApiDocument } from './platform/http/openapi'
import { createPipeline, type Pipeline } from './platform/http/pipeline'
import { renderProblem } from './platform/http/problem'
import { createRateLimiter } from './platform/http/rate-limit'
import { createRouteWords } from './platform/http/route'
import { swagger } from './platform/http/swagger'
import { createJobs } from './platform/jobs'
import type { Dependency } from './platform/observability/health'
import { systemRoutes } from './platform/observability/routes'
import { createQueue } from './platform/queue'
import { queueRoutes } from './platform/queue/routes'
import type { Runtime } from './platform/runtime'
import { authorizePage } from './web/authorize'
import { pages } from './web/pages'
import { setupPage } from './web/setup'

export const VERSION = packageJson.version

const DAY_MS = 24 * 3_600_000
const IDEMPOTENCY_KEPT_MS = 7 * DAY_MS
const EVENTS_KEPT_MS = 30 * DAY_MS

/** OAuth's clients send forms (RFC 6749, appendix B); everything else is JSON. */
const FORMS_UNDER = '/oauth/'

/** Other names for the same addresses, from the documents that this API grew out of. The longest match counts. */
const ALIASES: ReadonlyArray<readonly [from: string, to: string]> = [
  ['/api/users/register', '/api/v1/auth/register'],
  ['/api/users/login', '/api/v1/auth/login'],
  ['/api/users/forgot-password', '/api/v1/auth/forgot-password'],
  ['/auth/login', '/api/v1/auth/login'],
  ['/notifications/verify-email-otp', '/api/v1/auth/verify-email'],
  ['/notifications/send-verification-email', '/api/v1/auth/resend-verification'],
  ['/wallet/', '/api/v1/wallet/'],
  ['/atm/', '/api/v1/atm/'],
]

const API = {
  title: 'Kumbu',
  version: VERSION,
  description: [
    'The back office of a mobile-money agent location.',
    'Sign in with **POST /api/v1/auth/login**, copy the `accessToken`, press **Authorize** and paste it.',
    'Money is whole minor units (cents). Every refusal is a problem (RFC 9457) whose `code` is stable.',
    'Money-moving requests take an `Idempotency-Key`: a repeat gets the first answer and moves nothing.',
  ].join('\n\n'),
  tags: [
    { name: 'Sign-in', description: 'Registering, signing in, and staying so.' },
    { name: 'Account', description: 'One’s own profile, addresses, password and PIN.' },
    { name: 'Second factors', description: 'Authenticator apps, passkeys, codes; and proving again who one is.' },
    { name: 'Access', description: 'Sessions, devices and API keys.' },
    { name: 'OAuth', description: 'Letting applications and machines in (OAuth 2.0, OpenID Connect).' },
    { name: 'Wallet', description: 'A person’s own money.' },
    { name: 'Withdrawals', description: 'Cash-out by one-time token or QR code.' },
    { name: 'Agents', description: 'The till: float, commission, cash-in.' },
    { name: 'Operator', description: 'Running the location.' },
    { name: 'Audit', description: 'Who decided what.' },
    { name: 'System', description: 'For machines that watch over this one.' },
    { name: 'Development', description: 'Not in production.' },
  ],
}

export type App = Awaited<ReturnType<typeof createApp>>

export function createApp(config: Config, runtime: Runtime) {
  const { clock, keyring, newId, log, metrics, store } = runtime
  const { currency } = config

  let port = config.port
  /** Where people reach this instance; without a public address, on this machine. */
  const baseUrl = () => config.publicUrl ?? `http://localhost:${port}`

  const queue = createQueue(runtime)
  const events = createEvents(runtime, queue)
  const jobs = createJobs(runtime, queue)
  const idempotency = createIdempotency(runtime)

  const inbox = config.mode === 'production' ? undefined : createInbox(clock, newId)
  const mail =
    config.smtpUrl === undefined ? undefined : createMailChannel({ url: config.smtpUrl, from: config.mailFrom })
  const sms = config.smsUrl === undefined ? undefined : createSmsChannel({ url: config.smsUrl })
  const channels: Channel[] = [inbox, mail, sms].filter((channel) => channel !== undefined)

  const identity = createIdentity(runtime, events, jobs, {
    issuer: config.publicUrl ?? 'kumbu',
    baseUrl,
    name: 'Kumbu',
    secondFactorRoles: new Set(config.demo ? [] : config.secondFactorRoles),
    callingCodes: config.smsCallingCodes,
    closedKeptMs: config.closedKeptDays * DAY_MS,
    canMail: () => channels.some(({ media }) => media.includes('email')),
  })
  const oauth = createOAuth(runtime, { identity, events }, baseUrl)
  const ledger = createLedger(runtime)
  const wallet = createWallet(
    runtime,
    { identity, ledger, events },
    { currency, transferFeeBps: config.transferFeeBps },
  )
  const agents = createAgents(runtime, { identity, ledger, wallet, events }, { currency })
  const withdrawals = createWithdrawals(
    runtime,
    { identity, ledger, wallet, events },
    {
      currency,
      ttlMs: config.withdrawalTtl * 1000,
      feeBps: config.withdrawalFeeBps,
      commissionBps: config.commissionBps,
    },
  )

  createNotifications(runtime, { identity, events, jobs }, channels, baseUrl)

  jobs.schedule({
    name: 'withdrawals.expire',
    pattern: '*/5 * * * * *',
    run: async () => {
      while ((await withdrawals.expireDue()) > 0);
    },
  })
  jobs.schedule({
    name: 'platform.prune',
    pattern: '17 * * * *',
    run: async () => {
      while ((await idempotency.prune(clock() - IDEMPOTENCY_KEPT_MS)) > 0);
      while ((await events.prune(clock() - EVENTS_KEPT_MS)) > 0);
      await identity.prune(clock())
      await oauth.tokens.prune()
      await oauth.keys.rotateIfDue()
    },
  })

  const dependencies: Dependency[] = [
    {
      name: 'database',
      required: true,
      check: async () => {
        await store.ping()
        return { state: 'up', detail: store.engine }
      },
    },
    {
      name: 'mail',
      required: false,
      check: async () =>
        mail?.check() ??
        inbox?.check() ?? { state: 'off', detail: 'KUMBU_SMTP_URL is not set: nobody is told of anything' },
    },
    {
      name: 'sms',
      required: false,
      check: async () =>
        sms?.check() ?? inbox?.check() ?? { state: 'off', detail: 'KUMBU_SMS_URL is not set: nobody gets an SMS' },
    },
  ]

  const limiter = createRateLimiter(clock)
  const limits = { anonymous: config.rateLimit, user: config.rateLimitUser }
  const https = config.publicUrl?.startsWith('https:') ?? false
  const cookies = createCookies({ https })
  const csrfTokenOf = (sessionId: string) => keyring.hash('csrf', sessionId)
  const words = createRouteWords({ authenticate: identity.authenticate, cookies, csrfTokenOf, limiter, limits })
  const factorLimiter = config.rateLimit === 0 ? undefined : limiter

  const oauthApi = oauthRoutes(oauth, identity, words, factorLimiter)

  const app = new Elysia({ name: 'kumbu', normalize: false })
    .onParse({ as: 'global' }, ({ request, route }) => {
      contextOf(request).route = route
      return readBody(request, contextOf(request).path.startsWith(FORMS_UNDER))
    })
    .onError({ as: 'global' }, ({ code, error, request }) => {
      const context = contextOf(request)
      const problem = toProblem({ code, error, request }, () => app, log, context.id)
      context.problem = problem.code
      const forClients = context.path.startsWith(FORMS_UNDER) ? asOAuthError(problem) : undefined
      return forClients ?? renderProblem(problem, context.id)
    })
    .use(systemRoutes({ version: VERSION, dependencies, metrics, queue, metricsToken: config.metricsToken }, words))
    .use(setupPage())
    .use(pages())
    .use(authorizePage(oauth, identity, cookies))
    .use(oauthApi.protocol)
    .use(swagger(() => document()))
    .group('/api/v1', (api) =>
      api
        .use(identityRoutes(identity, { words, cookies, csrfTokenOf, limiter: factorLimiter, clock }))
        .use(oauthApi.api)
        .use(walletRoutes(wallet, words, idempotency))
        .use(withdrawalRoutes(withdrawals, words, idempotency))
        .use(agentsRoutes(agents, identity, words, idempotency))
        .use(ledgerRoutes(ledger, words))
        .use(queueRoutes(queue, words)),
    )
  if (inbox) app.use(inboxRoutes(inbox, words))

  let described: object | undefined
  const document = (): object => {
    described ??= openApiDocument(app, API)
    return described
  }

  const pipeline: Pipeline = createPipeline((request) => app.fetch(request), {
    newId,
    log,
    metrics,
    limiter,
    aliases: ALIASES,
    anonymousLimit: config.rateLimit,
    trustedProxies: config.trustedProxies,
    corsOrigins: config.corsOrigins,
    https,
    logRequests: config.logLevel === 'debug',
  })

  return {
    pipeline,
    document,
    routes: () => app.routes,
    dependencies,
    identity,
    oauth,
    ledger,
    wallet,
    agents,
    withdrawals,
    events,
    jobs,
    queue,
    inbox,
    idempotency,
    /** The port that was taken, when the configuration left it open. */
    listensOn(taken: number) {
      port = taken
    },
    start() {
      queue.start()
      jobs.start()
    },
    /** Ends the background work; requests must have ended before. */
    async stop() {
      await jobs.stop()
      await queue.stop()
      for (const channel of channels) channel.close()
    },
  }
}
