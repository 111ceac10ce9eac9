/** Composes the modules into one application; the only file that knows them all. */
import { Elysia } from 'elysia'
import packageJson from '../package.json' with { type: 'json' }
import type { Config } from './config'
import { agentsRoutes, createAgents } from './modules/agents'
import { appointmentRoutes, createAppointments } from './modules/appointments'
import { createIdentity, identityRoutes, notedBy } from './modules/identity'
import { createLedger, ledgerRoutes } from './modules/ledger'
import {
  type Channel,
  createChannels,
  createDevInbox,
  createNotifications,
  type DevInbox,
  devInboxRoutes,
  type Medium,
  notificationRoutes,
  outsideRoutes,
  RECEIPTS_PATH,
  receiptGate,
  subscribeNotices,
  subscribeTargets,
  TAKES,
  UNSUBSCRIBE_PATH,
  vapidKeys,
} from './modules/notifications'
import { asOAuthError, createOAuth, oauthRoutes } from './modules/oauth'
import { createWallet, walletRoutes } from './modules/wallet'
import { createWithdrawals, withdrawalRoutes } from './modules/withdrawals'
import { createEvents } from './platform/events'
import { type BodyForm, readBody } from './platform/http/body'
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
import { workRoutes } from './platform/jobs/routes'
import type { Dependency } from './platform/observability/health'
import { systemRoutes } from './platform/observability/routes'
import { createQueue } from './platform/queue'
import { queueRoutes } from './platform/queue/routes'
import { createTraffic } from './platform/queue/traffic'
import type { Runtime } from './platform/runtime'
import { authorizePage } from './web/authorize'
import { pages } from './web/pages'
import { setupPage } from './web/setup'

export const VERSION = packageJson.version

const DAY_MS = 24 * 3_600_000
const IDEMPOTENCY_KEPT_MS = 7 * DAY_MS
const EVENTS_KEPT_MS = 30 * DAY_MS
const REMINDERS_KEPT_MS = 30 * DAY_MS

/** OAuth's clients send forms (RFC 6749, appendix B). */
const OAUTH_PATH = '/oauth/'

/** Everything that is not named here is JSON. */
const BODY_FORMS: ReadonlyArray<readonly [under: string, form: BodyForm]> = [
  [OAUTH_PATH, 'form'],
  [UNSUBSCRIBE_PATH, 'any'],
  // Meta tells of many messages at a time.
  [`${RECEIPTS_PATH}whatsapp`, 'signed_bulk'],
  [RECEIPTS_PATH, 'signed'],
  ['/api/v1/notifications/templates/', 'long_json'],
]

const bodyFormOf = (path: string): BodyForm => BODY_FORMS.find(([under]) => path.startsWith(under))?.[1] ?? 'json'

/** Other names for the same addresses, from the documents that this API grew out of. The first that begins a path counts. */
const ALIASES: ReadonlyArray<readonly [from: string, to: string]> = [
  ['/api/users/register', '/api/v1/auth/register'],
  ['/api/users/login', '/api/v1/auth/login'],
  ['/api/users/forgot-password', '/api/v1/auth/forgot-password'],
  ['/auth/login', '/api/v1/auth/login'],
  ['/notifications/verify-email-otp', '/api/v1/auth/verify-email'],
  ['/notifications/send-verification-email', '/api/v1/auth/resend-verification'],
  ['/notifications/send-welcome-email', '/api/v1/internal/notifications/welcome'],
  ['/internal/notifications/', '/api/v1/internal/notifications/'],
  ['/api/notifications/send', '/api/v1/notifications/send'],
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
    { name: 'Appointments', description: 'What can be booked at the place, and what is.' },
    { name: 'Notifications', description: 'A person’s own inbox, devices, and how they want to be told.' },
    { name: 'Messages', description: 'What is sent to people: sending, templates, ways, and how it arrived.' },
    { name: 'Providers', description: 'For those who carry messages, and links in them.' },
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

  const traffic = createTraffic()
  const queue = createQueue(runtime, traffic)
  const events = createEvents(runtime, queue)
  const jobs = createJobs(runtime, queue)
  const idempotency = createIdempotency(runtime)

  const inbox = config.mode === 'production' ? undefined : createDevInbox(clock, newId)
  const providers = createChannels(config, { clock, keyring, publicUrl: config.publicUrl })
  const channels: Channel[] = inbox ? shownIn(inbox, providers) : providers
  const isOn = (medium: Medium) => channels.some((channel) => channel.medium === medium)

  const identity = createIdentity(runtime, events, jobs, {
    issuer: config.publicUrl ?? 'kumbu',
    baseUrl,
    name: 'Kumbu',
    secondFactorRoles: new Set(config.demo ? [] : config.secondFactorRoles),
    callingCodes: config.smsCallingCodes,
    closedKeptMs: config.closedKeptDays * DAY_MS,
    canMail: () => isOn('email'),
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

  const appointments = createAppointments(
    runtime,
    { identity, ledger, wallet, events },
    {
      currency,
      baseUrl,
      organizer: config.mailFrom,
      reminders: config.reminders,
      reviewMinutesAfter: config.reviewAfter,
    },
  )

  const notifications = createNotifications(runtime, { identity, appointments, events }, channels, {
    brand: 'Kumbu',
    language: config.language,
    timeZone: config.timeZone,
    baseUrl,
    traffic,
    paces: pacesOf(config),
    hourlyCap: config.messagesPerHour,
    callingCodes: config.smsCallingCodes,
    keptMs: config.messagesKeptDays * DAY_MS,
    privateWebhooks: config.privateWebhooks,
  })
  subscribeNotices(events, notifications.outbox, { lowFloat: config.lowFloat })
  subscribeTargets(events, notifications.targets)

  jobs.schedule({
    name: 'withdrawals.expire',
    pattern: '*/5 * * * * *',
    missed: 'skip',
    run: async () => {
      while ((await withdrawals.expireDue()) > 0);
    },
  })
  jobs.schedule({ name: 'appointments.tick', pattern: '*/15 * * * * *', missed: 'skip', run: appointments.tick })
  jobs.schedule({
    name: 'platform.prune',
    pattern: '17 * * * *',
    missed: 'run_once',
    run: async () => {
      while ((await idempotency.prune(clock() - IDEMPOTENCY_KEPT_MS)) > 0);
      while ((await events.prune(clock() - EVENTS_KEPT_MS)) > 0);
      while ((await appointments.prune(clock() - REMINDERS_KEPT_MS)) > 0);
      await identity.prune(clock())
      await oauth.tokens.prune()
      await oauth.keys.rotateIfDue()
      await notifications.keeping.prune()
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
    ...OUTSIDE.map((medium) => channelDependency(medium, channels)),
  ]

  const limiter = createRateLimiter(clock)
  const limits = { anonymous: config.rateLimit, user: config.rateLimitUser }
  const https = config.publicUrl?.startsWith('https:') ?? false
  const cookies = createCookies({ https })
  const csrfTokenOf = (sessionId: string) => keyring.hash('csrf', sessionId)
  const words = createRouteWords({ authenticate: identity.authenticate, cookies, csrfTokenOf, limiter, limits })
  const factorLimiter = config.rateLimit === 0 ? undefined : limiter

  const gate = receiptGate(notifications, factorLimiter)
  const oauthApi = oauthRoutes(oauth, identity, words, factorLimiter)

  const app = new Elysia({ name: 'kumbu', normalize: false })
    .onParse({ as: 'global' }, ({ request, route }) => {
      contextOf(request).route = route
      const form = bodyFormOf(contextOf(request).path)
      if (form.startsWith('signed')) gate(request)
      return readBody(request, form)
    })
    .onError({ as: 'global' }, ({ code, error, request }) => {
      const context = contextOf(request)
      const problem = toProblem({ code, error, request }, () => app, log, context.id)
      context.problem = problem.code
      const forClients = context.path.startsWith(OAUTH_PATH) ? asOAuthError(problem) : undefined
      return forClients ?? renderProblem(problem, context.id)
    })
    .use(systemRoutes({ version: VERSION, dependencies, metrics, queue, metricsToken: config.metricsToken }, words))
    .use(setupPage())
    .use(pages())
    .use(authorizePage(oauth, identity, cookies))
    .use(oauthApi.protocol)
    .use(outsideRoutes(notifications, words, { baseUrl, limiter: factorLimiter }))
    .use(swagger(() => document()))
    .group('/api/v1', (api) =>
      api
        .use(identityRoutes(identity, { words, cookies, csrfTokenOf, limiter: factorLimiter, clock }))
        .use(oauthApi.api)
        .use(walletRoutes(wallet, words, idempotency))
        .use(withdrawalRoutes(withdrawals, words, idempotency))
        .use(agentsRoutes(agents, identity, words, idempotency))
        .use(appointmentRoutes(appointments, { words, idempotency, identity }))
        .use(
          notificationRoutes(notifications, {
            words,
            idempotency,
            identity,
            clock,
            baseUrl,
            pushKey: vapidKeys(keyring).publicKey,
          }),
        )
        .use(ledgerRoutes(ledger, words))
        .use(queueRoutes(queue, notedBy(identity), words))
        .use(workRoutes({ jobs, queue, noted: identity.noted }, words)),
    )
  if (inbox) app.use(devInboxRoutes(inbox, words))

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
    traffic,
    bodyFormOf,
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
    appointments,
    notifications,
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
      notifications.dispatcher.start()
    },
    /** Does all background work that is due now; for tests. */
    async settle() {
      await queue.drain()
      await notifications.dispatcher.drain()
    },
    /** Ends the background work; requests must have ended before. */
    async stop() {
      notifications.inbox.close()
      await jobs.stop()
      await queue.stop()
      await notifications.dispatcher.stop()
      for (const channel of channels) channel.close()
    },
  }
}

const OUTSIDE = ['email', 'sms', 'whatsapp', 'push', 'webhook'] as const

/** In development and demo mode the inbox stands in for what is not set up, and sees what the others send. */
function shownIn(inbox: DevInbox, providers: readonly Channel[]): Channel[] {
  const missing = (['email', 'sms', 'whatsapp'] as const).filter((medium) =>
    providers.every((channel) => channel.medium !== medium),
  )
  return [...providers.map(inbox.showing), ...missing.map(inbox.standIn)]
}

/** A channel is up if one of its providers is. */
function channelDependency(medium: (typeof OUTSIDE)[number], channels: readonly Channel[]): Dependency {
  const mine = channels.filter((channel) => channel.medium === medium)
  return {
    name: medium,
    required: false,
    async check() {
      if (mine.length === 0) return { state: 'off', detail: TAKES[medium] }
      const states = await Promise.all(mine.map((channel) => channel.check().catch(downBecause)))
      const up = states.find(({ state }) => state === 'up')
      const detail = mine.map(({ provider }, i) => `${provider}: ${states[i]?.detail ?? states[i]?.state}`).join('; ')
      return { state: up ? 'up' : 'down', detail }
    },
  }
}

const downBecause = (error: unknown) => ({ state: 'down' as const, detail: (error as Error).message.slice(0, 200) })

function pacesOf({ emailsPerSecond, smsPerSecond }: Config): Partial<Record<Medium, number>> {
  return {
    ...(emailsPerSecond > 0 ? { email: emailsPerSecond } : {}),
    ...(smsPerSecond > 0 ? { sms: smsPerSecond, whatsapp: smsPerSecond } : {}),
  }
}
