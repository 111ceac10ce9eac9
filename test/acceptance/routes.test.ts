/** Every route: who may call it, under which names, and what every answer carries whatever it says. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { type Role, roles, scopes } from '../../src/modules/identity'
import { listen } from '../../src/platform/http/server'
import { createWorld, PASSWORD, type Person, PIN, type World } from '../support/world'
import { expectProblem } from './answers'
import { knock, oneOfEachRole, passingToken, roleNames, statedRoutes } from './walk'

let world: World
let people: Record<Role, Person>

beforeAll(async () => {
  world = await createWorld()
  people = await oneOfEachRole(world)
})

afterAll(() => world.end())

const apiRoutes = () => statedRoutes(world).filter(({ path, hidden }) => path.startsWith('/api/v1') && !hidden)
const guarded = () =>
  apiRoutes().flatMap((route) => (Array.isArray(route.scopes) ? [{ ...route, scopes: route.scopes as string[] }] : []))

describe('every route of the API', () => {
  test('says who may call it: anybody, or whoever has the scopes that it names', () => {
    const silent = apiRoutes().filter(({ scopes: named }) => named === undefined || named.length === 0)
    expect(apiRoutes().length).toBeGreaterThan(20)
    expect(silent).toEqual([])
  })

  test('names only scopes that exist', () => {
    const known = Object.keys(scopes)
    const unknown = guarded().filter((route) => route.scopes.some((scope) => !known.includes(scope)))
    expect(unknown).toEqual([])
  })

  test('is public only where one cannot have signed in yet', () => {
    const open = apiRoutes().filter(({ scopes: named }) => named === 'public')
    expect(open.map(({ method, path }) => `${method} ${path}`).sort()).toEqual([
      // A calendar program cannot sign in: its address is the secret.
      'GET /api/v1/appointments/feeds/:token',
      'POST /api/v1/auth/forgot-password',
      'POST /api/v1/auth/login',
      'POST /api/v1/auth/login/2fa',
      'POST /api/v1/auth/login/2fa/send',
      'POST /api/v1/auth/login/passkey',
      'POST /api/v1/auth/login/passkey/options',
      'POST /api/v1/auth/logout',
      'POST /api/v1/auth/refresh',
      'POST /api/v1/auth/register',
      'POST /api/v1/auth/resend-verification',
      'POST /api/v1/auth/reset-password',
      'POST /api/v1/auth/verify-email',
      'POST /api/v1/setup',
    ])
  })

  test('answers 401 without a token, and with one that is none', async () => {
    for (const route of guarded()) {
      for (const token of [undefined, 'a.b.c']) {
        const answer = await knock(world, route, token)
        expect([`${route.method} ${route.path}`, answer.status]).toEqual([`${route.method} ${route.path}`, 401])
        expectProblem(answer, 401, 'unauthenticated')
        expect(answer.headers.get('www-authenticate')).toStartWith('Bearer')
      }
    }
  })

  test('answers 403 to every role that lacks one of its scopes, and never to one that has them', async () => {
    // Some routes end every session of whoever calls them.
    const callers = await oneOfEachRole(world)
    for (const route of guarded()) {
      for (const [role, granted] of Object.entries(roles) as Array<[Role, readonly string[]]>) {
        const answer = await knock(world, route, await passingToken(world, callers[role]))
        const lacks = route.scopes.some((scope) => !granted.includes(scope))
        const refused = answer.status === 403 && answer.body.code === 'insufficient_scope'
        expect([role, route.method, route.path, refused]).toEqual([role, route.method, route.path, lacks])
        if (!lacks) continue
        expectProblem(answer, 403, 'insufficient_scope')
        expect(answer.body.required).toEqual(route.scopes)
      }
    }
  })
})

describe('roles', () => {
  test('every scope is granted to some role, and needed by some route', () => {
    const granted = new Set<string>(Object.values(roles).flat())
    const needed = new Set(guarded().flatMap((route) => route.scopes))
    for (const scope of Object.keys(scopes)) {
      expect([scope, granted.has(scope), needed.has(scope)]).toEqual([scope, true, true])
    }
  })

  test('every role can do something, and is granted only scopes that exist, each once', () => {
    for (const [role, granted] of Object.entries(roles)) {
      expect([role, granted.length]).not.toEqual([role, 0])
      expect(granted.filter((scope) => !(scope in scopes))).toEqual([])
      expect(new Set(granted).size).toBe(granted.length)
    }
  })

  test('who pays out does not ask for withdrawals, who issues money does not spend it', () => {
    const may = (role: Role, scope: string) => (roles[role] as readonly string[]).includes(scope)
    for (const role of roleNames) {
      expect(may(role, 'withdrawals:pay') && may(role, 'withdrawals:request')).toBe(false)
      expect(may(role, 'agents:manage') && (may(role, 'wallet:transfer') || may(role, 'agents:cash-in'))).toBe(false)
    }
    expect(may('customer', 'users:manage')).toBe(false)
    expect(may('atm', 'wallet:transfer')).toBe(false)
  })
})

describe('every answer', () => {
  const sent: Record<string, () => ReturnType<World['call']>> = {
    '200': () => world.call('GET', '/health'),
    '200, a page': () => world.call('GET', '/setup'),
    '200, a page with a form': () => {
      const link = world.app.notifications.unsubscribing.urlFor(people.customer.id, 'news', 'email') as string
      return world.call('GET', link.slice(link.indexOf('/unsubscribe')))
    },
    '200, a script': () => world.call('GET', '/swagger/start.js'),
    '200, the document': () => world.call('GET', '/swagger/json'),
    '201': () =>
      world.call('POST', '/api/v1/auth/register', {
        body: { name: 'Nia', email: 'nia@example.com', password: PASSWORD },
      }),
    '202': () => world.call('POST', '/api/v1/auth/resend-verification', { body: { email: 'x@example.com' } }),
    '204': () => world.call('POST', '/api/v1/auth/logout', { body: { refreshToken: 'none' } }),
    '204, before another site’s request': () =>
      world.call('OPTIONS', '/api/v1/auth/login', {
        headers: { origin: 'https://shop.example', 'access-control-request-method': 'POST' },
      }),
    '400': () => world.call('POST', '/api/v1/auth/login', { body: '{' }),
    '401': () => world.call('GET', '/api/v1/auth/profile'),
    '403': () => world.call('GET', '/api/v1/ledger/totals', { token: people.customer.token }),
    '404': () => world.call('GET', '/nothing'),
    '405': () => world.call('DELETE', '/api/v1/auth/login'),
    '413': () => world.call('POST', '/api/v1/auth/login', { headers: { 'content-length': '9999999' } }),
    '415': () => world.call('POST', '/api/v1/auth/login', { body: '{}', headers: { 'content-type': 'text/plain' } }),
    '422': () => world.call('POST', '/api/v1/auth/login', { body: {} }),
  }
  for (const [kind, call] of Object.entries(sent)) {
    test(`${kind}: security headers and a request id`, async () => {
      const { status, headers } = await call()
      expect(status).toBe(Number.parseInt(kind, 10))
      expect(headers.get('x-content-type-options')).toBe('nosniff')
      expect(headers.get('x-frame-options')).toBe('DENY')
      expect(headers.get('referrer-policy')).toBe('no-referrer')
      expect(headers.get('content-security-policy')).toStartWith("default-src 'none'")
      expect(headers.get('cache-control')).toBeString()
      expect(headers.get('x-request-id')).toMatch(/^req_[0-9a-z]{20}$/)
      expect(headers.has('strict-transport-security')).toBe(false)
      expect(headers.has('server')).toBe(false)
      expect(headers.has('x-powered-by')).toBe(false)
    })
  }

  test('that holds a person’s data is not kept by caches', async () => {
    const { headers } = await world.call('GET', '/api/v1/auth/profile', { token: people.customer.token })
    expect(headers.get('cache-control')).toBe('no-store')
  })

  test('of an instance that is reached by HTTPS says so', async () => {
    const secure = await createWorld({ 'public-url': 'https://money.example' })
    try {
      for (const path of ['/health', '/nothing']) {
        const { headers } = await secure.call('GET', path)
        expect(headers.get('strict-transport-security')).toMatch(/^max-age=\d{8}/)
      }
    } finally {
      await secure.end()
    }
  })

  test('to HEAD is the answer to GET without its body', async () => {
    const request = new Request('http://localhost/health', { method: 'HEAD' })
    const response = await world.app.pipeline(request, () => '192.0.2.1')
    expect(response.status).toBe(200)
    expect(await response.text()).toBe('')
  })
})

describe('the limit for strangers', () => {
  const LOGIN = '/api/v1/auth/login'
  let limited: World
  let customer: Person
  let next = 0

  beforeAll(async () => {
    limited = await createWorld({ 'rate-limit': '5', 'trusted-proxies': '10.0.0.1, 10.0.0.2' })
    customer = await limited.person('customer')
  })
  afterAll(() => limited.end())

  /** An address that nobody has called from yet. */
  const stranger = () => `203.0.113.${next++}`
  const knockFrom = (from: string, headers: Record<string, string> = {}) =>
    limited.call('POST', LOGIN, { from, headers, body: {} })

  async function useUp(from: string, headers: Record<string, string> = {}): Promise<void> {
    for (let i = 0; i < 5; i++) expect((await knockFrom(from, headers)).status).toBe(422)
  }

  test('is told in every answer, and the sixth request in a minute is refused until the window ends', async () => {
    const from = stranger()
    for (const remaining of [4, 3, 2, 1, 0]) {
      const { status, headers } = await knockFrom(from)
      expect(status).toBe(422)
      expect(headers.get('ratelimit-limit')).toBe('5')
      expect(headers.get('ratelimit-remaining')).toBe(String(remaining))
      expect(headers.get('ratelimit-reset')).toBe('60')
    }
    limited.clock.advance(20_000)

    const refused = await knockFrom(from)

    expectProblem(refused, 429, 'rate_limited')
    expect(refused.headers.get('retry-after')).toBe('40')
    expect(refused.headers.get('ratelimit-remaining')).toBe('0')
    expect(refused.headers.get('x-content-type-options')).toBe('nosniff')
    limited.clock.advance(40_000)
    expect((await knockFrom(from)).status).toBe(422)
  })

  test('counts each address for itself, an IPv6 network as one', async () => {
    await useUp('2001:db8:1:2::1')
    expectProblem(await knockFrom('2001:db8:1:2:ffff:ffff:ffff:ffff'), 429, 'rate_limited')
    expect((await knockFrom('2001:db8:1:3::1')).status).toBe(422)
    const v4 = stranger()
    await useUp(v4)
    expectProblem(await knockFrom(`::ffff:${v4}`), 429, 'rate_limited')
    expect((await knockFrom(stranger())).status).toBe(422)
  })

  test('does not count the probes of those who watch over it', async () => {
    const from = stranger()
    for (let i = 0; i < 8; i++) expect((await limited.call('GET', '/health', { from })).status).toBe(200)
    expect((await knockFrom(from)).headers.get('ratelimit-remaining')).toBe('4')
  })

  test('counts those who are signed in apart, with more', async () => {
    const from = stranger()
    await useUp(from)
    const { status, headers } = await limited.call('GET', '/api/v1/auth/profile', { token: customer.token, from })
    expect(status).toBe(200)
    expect(headers.get('ratelimit-limit')).toBe('1000')
  })

  test('counts tokens that are none, on guarded and on public routes', async () => {
    const from = stranger()
    for (let i = 0; i < 5; i++) {
      expect((await limited.call('GET', '/api/v1/auth/profile', { token: `a.b.${i}`, from })).status).toBe(401)
    }
    expectProblem(await limited.call('GET', '/api/v1/auth/profile', { token: 'a.b.c', from }), 429, 'rate_limited')
    expectProblem(await limited.call('POST', LOGIN, { token: 'a.b.c', from, body: {} }), 429, 'rate_limited')
  })

  test('cannot be slipped past with a made-up token, where there is no route or the body is broken', async () => {
    for (const [method, path, body] of [
      ['GET', '/api/v1/nothing', undefined],
      ['GET', '/swagger/json', undefined],
      ['POST', LOGIN, '{'],
    ] as const) {
      const from = stranger()
      const attempt = () => limited.call(method, path, { token: 'a.b.c', from, body })
      for (let i = 0; i < 5; i++) expect((await attempt()).status).not.toBe(429)
      expect([path, (await attempt()).status]).toEqual([path, 429])
    }
  })

  test('believes X-Forwarded-For only from a configured proxy', async () => {
    const from = stranger()
    await useUp(from)
    const spoofed = await knockFrom(from, { 'x-forwarded-for': '198.51.100.1' })
    expectProblem(spoofed, 429, 'rate_limited')

    const behindProxy = { 'x-forwarded-for': '198.51.100.2' }
    await useUp('10.0.0.1', behindProxy)
    expectProblem(await knockFrom('10.0.0.1', behindProxy), 429, 'rate_limited')
    expect((await knockFrom('10.0.0.1', { 'x-forwarded-for': '198.51.100.3' })).status).toBe(422)
  })

  test('reads X-Forwarded-For from the right, past further proxies: what a client writes there itself is ignored', async () => {
    const chain = (written: string) => ({ 'x-forwarded-for': `${written}, 198.51.100.9, 10.0.0.2` })
    for (let i = 0; i < 5; i++) expect((await knockFrom('10.0.0.1', chain(`1.1.1.${i}`))).status).toBe(422)
    expectProblem(await knockFrom('10.0.0.1', chain('1.1.1.9')), 429, 'rate_limited')
  })

  test('leaves the tries at one account a counter of their own', async () => {
    const patient = await createWorld({ 'rate-limit': '1000' })
    try {
      const guess = (from: string) =>
        patient.call('POST', LOGIN, { from, body: { email: 'nobody@example.com', password: 'guess' } })
      for (let i = 0; i < 10; i++) expectProblem(await guess('203.0.113.200'), 401, 'credentials_invalid')
      expectProblem(await guess('203.0.113.200'), 429, 'rate_limited')
      expectProblem(await guess('203.0.113.201'), 401, 'credentials_invalid')
    } finally {
      await patient.end()
    }
  })
})

describe('other web sites', () => {
  const SHOP = 'https://shop.example'
  const ask = { origin: SHOP, 'access-control-request-method': 'POST' }
  const allowances = (headers: Headers) => [...headers.keys()].filter((name) => name.startsWith('access-control-'))

  test('may not call the API unless they are named', async () => {
    const plain = await world.call('GET', '/health', { headers: { origin: SHOP } })
    const preflight = await world.call('OPTIONS', '/api/v1/auth/login', { headers: ask })
    expect([plain.status, preflight.status]).toEqual([200, 204])
    expect(allowances(plain.headers)).toEqual([])
    expect(allowances(preflight.headers)).toEqual([])
  })

  test('that are named may, and only they', async () => {
    const open = await createWorld({ 'cors-origins': `${SHOP}, http://localhost:5173` })
    try {
      for (const origin of [SHOP, 'http://localhost:5173']) {
        const preflight = await open.call('OPTIONS', '/api/v1/auth/login', { headers: { ...ask, origin } })
        expect(preflight.status).toBe(204)
        expect(preflight.headers.get('access-control-allow-origin')).toBe(origin)
        expect(preflight.headers.get('access-control-allow-methods')).toContain('POST')
        expect(preflight.headers.get('access-control-allow-headers')).toContain('idempotency-key')
        const refused = await open.call('GET', '/api/v1/auth/profile', { headers: { origin } })
        expect(refused.status).toBe(401)
        expect(refused.headers.get('access-control-allow-origin')).toBe(origin)
        expect(refused.headers.get('vary')).toContain('origin')
        expect(refused.headers.get('access-control-expose-headers')).toContain('x-request-id')
        expect(refused.headers.has('access-control-allow-credentials')).toBe(false)
      }
      for (const origin of [
        'https://evil.example',
        'https://shop.example.evil.example',
        'null',
        'http://shop.example',
      ]) {
        const preflight = await open.call('OPTIONS', '/api/v1/auth/login', { headers: { ...ask, origin } })
        const answer = await open.call('GET', '/health', { headers: { origin } })
        expect(allowances(preflight.headers)).toEqual([])
        expect(allowances(answer.headers)).toEqual([])
      }
    } finally {
      await open.end()
    }
  })
})

describe('the other names of routes', () => {
  test('registration and sign-in', async () => {
    const email = 'alias@example.com'
    const registered = await world.call('POST', '/api/users/register', {
      body: { name: 'Alias', email, password: PASSWORD },
    })
    expect(registered.status).toBe(201)
    const body = { email: people.customer.email, password: PASSWORD }
    for (const path of ['/api/users/login', '/auth/login']) {
      const { status, body: signedIn } = await world.call('POST', path, { body })
      expect(status).toBe(200)
      expect(signedIn.user.id).toBe(people.customer.id)
    }
  })

  test('wallet and withdrawals, with their guards', async () => {
    const { token } = people.customer
    const balance = await world.call('GET', '/wallet/me/balance?currency=USD', { token })
    expect(balance.status).toBe(200)
    expect(balance.body).toMatchObject({ userId: people.customer.id, balance: 0 })
    expect((await world.call('GET', '/atm/withdrawals', { token })).body).toEqual({ items: [], nextCursor: null })
    expectProblem(
      await world.call('POST', '/atm/withdrawal-request', { token, body: { amount: 100, pin: PIN } }),
      422,
      'insufficient_funds',
    )
    expectProblem(await world.call('GET', '/wallet/me/balance'), 401, 'unauthenticated')
    expectProblem(
      await world.call('POST', '/atm/validate-token', { token, body: { token: '4829135570' } }),
      403,
      'insufficient_scope',
    )
  })

  test('are the same request to an Idempotency-Key', async () => {
    const payer = await world.customer(10_000)
    const body = { to: people.customer.id, amount: 100, pin: PIN }
    const headers = { 'idempotency-key': 'alias' }
    const first = await world.call('POST', '/wallet/me/transfer', { token: payer.token, body, headers })
    const again = await world.call('POST', '/api/v1/wallet/me/transfer', { token: payer.token, body, headers })
    expect([first.status, again.status]).toEqual([201, 201])
    expect(again.body).toEqual(first.body)
  })

  test('work on a socket, with their bodies', async () => {
    const server = listen(world.app.pipeline, '127.0.0.1', 0)
    try {
      const response = await fetch(`http://127.0.0.1:${server.port}/auth/login`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ email: people.agent.email, password: PASSWORD }),
      })
      expect(response.status).toBe(200)
      expect(((await response.json()) as { user: { id: string } }).user.id).toBe(people.agent.id)
    } finally {
      await server.stop(0)
    }
  })

  test('end where the route’s name ends', async () => {
    expectProblem(await world.call('GET', '/walletx/me/balance'), 404, 'route_not_found')
    expectProblem(await world.call('POST', '/auth/loginx', { body: {} }), 404, 'route_not_found')
  })
})

describe('for machines that watch over it', () => {
  test('/health says that it lives', async () => {
    const { status, body } = await world.call('GET', '/health')
    expect(status).toBe(200)
    expect(body).toEqual({ status: 'ok', version: expect.stringMatching(/^\d+\.\d+\.\d+/) })
  })

  test('/ready names what it stands on', async () => {
    const { status, body } = await world.call('GET', '/ready')
    expect(status).toBe(200)
    expect(body.ready).toBe(true)
    expect(body.dependencies).toMatchObject([
      { name: 'database', state: 'up', detail: world.runtime.store.engine },
      { name: 'email', state: 'up', detail: 'inbox-email: shown at /dev/inbox' },
      { name: 'sms', state: 'up', detail: 'inbox-sms: shown at /dev/inbox' },
      { name: 'whatsapp', state: 'up', detail: 'inbox-whatsapp: shown at /dev/inbox' },
      { name: 'push', state: 'off', detail: expect.stringContaining('KUMBU_PUBLIC_URL') },
      { name: 'webhook', state: 'up' },
    ])
  })

  test('/ready is so without anybody to carry messages, and says what each channel lacks', async () => {
    const alone = await createWorld({ mode: 'production' })
    try {
      const { status, body } = await alone.call('GET', '/ready')
      expect([status, body.ready]).toEqual([200, true])
      const states = body.dependencies.map(({ name, state }: Record<string, string>) => `${name} ${state}`)
      expect(states).toEqual(['database up', 'email off', 'sms off', 'whatsapp off', 'push off', 'webhook up'])
      for (const [channel, setting] of [
        ['email', 'KUMBU_SMTP_URL'],
        ['sms', 'KUMBU_TWILIO_ACCOUNT'],
        ['whatsapp', 'KUMBU_WHATSAPP_PHONE_ID'],
        ['push', 'KUMBU_FCM_ACCOUNT'],
      ]) {
        const { detail } = body.dependencies.find(({ name }: Record<string, string>) => name === channel)
        expect(detail).toContain(setting)
      }
    } finally {
      await alone.end()
    }
  })

  test('/ready answers 503 once the database is gone, and /health still lives', async () => {
    const broken = await createWorld()
    try {
      await broken.runtime.store.close()
      const { status, body } = await broken.call('GET', '/ready')
      expect(status).toBe(503)
      expect(body).toMatchObject({ ready: false })
      expect(body.dependencies[0]).toMatchObject({ name: 'database', state: 'down' })
      expect((await broken.call('GET', '/health')).status).toBe(200)
    } finally {
      await broken.app.stop()
      await broken.database.drop()
    }
  })

  test('/metrics answers the loopback address only, whatever a header claims', async () => {
    for (const from of ['127.0.0.1', '::1', '::ffff:127.0.0.1']) {
      const { status, headers, body } = await world.call('GET', '/metrics', { from })
      expect(status).toBe(200)
      expect(headers.get('content-type')).toStartWith('text/plain')
      expect(body).toContain('kumbu_http_requests_total{')
    }
    expectProblem(await world.call('GET', '/metrics'), 404, 'route_not_found')
    const claimed = await world.call('GET', '/metrics', { headers: { 'x-forwarded-for': '127.0.0.1' } })
    expectProblem(claimed, 404, 'route_not_found')
  })

  test('/metrics with a token answers whoever sends it, and nobody else', async () => {
    const closed = await createWorld({ 'metrics-token': 'for-prometheus' })
    try {
      expect((await closed.call('GET', '/metrics', { token: 'for-prometheus' })).status).toBe(200)
      expectProblem(await closed.call('GET', '/metrics', { token: 'another' }), 401, 'unauthenticated')
      expectProblem(await closed.call('GET', '/metrics', { from: '127.0.0.1' }), 401, 'unauthenticated')
    } finally {
      await closed.end()
    }
  })
})

describe('the development inbox', () => {
  test('shows messages newest first, as JSON or as a page', async () => {
    await world.mailTo(people.customer.email)
    const all = await world.call('GET', '/dev/inbox')
    const one = await world.call('GET', `/dev/inbox?to=${people.customer.email}`)
    const page = await world.call('GET', '/dev/inbox', { headers: { accept: 'text/html' } })

    expect(all.body.length).toBeGreaterThan(one.body.length)
    expect(Object.keys(one.body[0]).sort()).toEqual(['at', 'channel', 'id', 'subject', 'text', 'to'])
    expect(new Set(one.body.map(({ to }: { to: string }) => to))).toEqual(new Set([people.customer.email]))
    expect(page.headers.get('content-type')).toStartWith('text/html')
    expect(page.body).toContain('<h1>Inbox</h1>')
  })

  test('is not there in production', async () => {
    const production = await createWorld({ mode: 'production' })
    try {
      expectProblem(await production.call('GET', '/dev/inbox'), 404, 'route_not_found')
      expect(production.app.inbox).toBeUndefined()
    } finally {
      await production.end()
    }
  })
})
