/** The first hour with Kumbu, from an empty folder: the walk-through it prints, the set-up link, two copies at once. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { SQL } from 'bun'
import { emptyFolder, type Running, runVerb, startServer } from '../support/executable'
import { createPostgresServer, type PostgresServer, postgresPrograms } from '../support/postgres-server'
import { until } from '../support/until'
import { type AuthenticatorApp, balanceOf, call, DEMO, get, post, setUpApp, signIn, signInWithApp } from './api'
import { expectTrueBooks } from './load'

const [CUSTOMER, CUSTOMER_2] = DEMO.customers
const KEY = Buffer.alloc(32, 11).toString('base64url')

interface Sent {
  to: string
  subject: string
  text: string
}

async function printed(server: Running, words: string): Promise<string> {
  return until(server.output, (output) => output.includes(words))
}

/** The seven steps that the demo prints, followed to the letter. */
async function walkThrough({ base }: Running): Promise<void> {
  const customer = await signIn(base, CUSTOMER)
  expect(await balanceOf(base, customer.accessToken)).toMatchObject({ balance: 100_000, available: 100_000 })

  const wish = { amount: 5000, pin: DEMO.pin }
  const requested = await post(base, '/api/v1/atm/withdrawal-request', wish, customer.accessToken)
  expect(requested.status).toBe(201)
  expect(requested.body).toMatchObject({ status: 'requested', amount: 5000, fee: 50, currency: 'USD' })
  expect(requested.body.token).toMatch(/^\d{10}$/)
  expect(await balanceOf(base, customer.accessToken)).toMatchObject({ balance: 100_000, available: 94_950 })

  const agent = await signIn(base, DEMO.agent)
  const token = { token: requested.body.token }
  const paid = await post(base, '/api/v1/atm/validate-token', token, agent.accessToken)
  expect(paid.status).toBe(200)
  expect(paid.body).toMatchObject({
    status: 'paid',
    amount: 5000,
    commission: 25,
    customer: { name: 'Carla Customer' },
  })

  const till = await get(base, '/api/v1/agents/me', agent.accessToken)
  expect(till.body).toMatchObject({ float: 1_005_000, commission: 25 })
  expect(await balanceOf(base, customer.accessToken)).toMatchObject({ balance: 94_950, available: 94_950 })

  const again = await post(base, '/api/v1/atm/validate-token', token, agent.accessToken)
  expect(again.body.code).toBe('withdrawal_paid')

  expect(await subjectsTo(base, CUSTOMER, 'You withdrew USD 50.00')).toContain('You withdrew USD 50.00')
  expect(await subjectsTo(base, DEMO.agent, 'You paid out USD 50.00')).toContain('You paid out USD 50.00')
}

/** Subjects of what was sent to the address, once the awaited one is among them. */
async function subjectsTo(base: string, email: string, awaited: string): Promise<string[]> {
  return until(
    async () => ((await get(base, `/dev/inbox?to=${email}`)).body as Sent[]).map(({ subject }) => subject),
    (subjects) => subjects.includes(awaited),
  )
}

describe('the demo, from an empty folder', () => {
  const folder = emptyFolder()
  let server: Running

  beforeAll(async () => {
    server = await startServer({ cwd: folder.path, args: ['--demo'] })
  })
  afterAll(async () => {
    await server.kill()
    folder.remove()
  })

  test('prints who the demo people are and each step with the address it serves on', async () => {
    const output = await printed(server, '/dev/inbox   both sides were told')
    for (const email of [DEMO.operator, DEMO.agent, CUSTOMER, CUSTOMER_2]) expect(output).toContain(email)
    expect(output).toContain(`password ${DEMO.password}, PIN ${DEMO.pin}`)
    for (const address of ['/swagger', '/health', '/dev/inbox']) expect(output).toContain(server.base + address)
    expect(output).not.toContain('/setup?token=')
  })

  test('answers at the addresses that it printed', async () => {
    expect((await get(server.base, '/health')).body).toMatchObject({ status: 'ok' })
    expect((await get(server.base, '/ready')).body).toMatchObject({ ready: true })
    expect((await get(server.base, '/swagger')).headers.get('content-type')).toStartWith('text/html')
    expect((await get(server.base, '/dev/inbox')).status).toBe(200)
  })

  test('a withdrawal goes from request to cash as the walk-through says', async () => {
    await walkThrough(server)
  })

  test('asks nobody for a second factor, whatever their role', async () => {
    for (const email of [DEMO.operator, DEMO.agent, CUSTOMER])
      expect(await signIn(server.base, email)).toMatchObject({ secondFactorRequired: false })
  })

  test('the books are true while it serves', async () => {
    await expectTrueBooks(folder.path, ['--demo'])
  })

  test('its data lies in a folder of its own, which is its owner’s only', () => {
    expect(readdirSync(folder.path)).toEqual(['data'])
    expect(readdirSync(join(folder.path, 'data'))).toEqual(['demo'])
    const mode = Bun.spawnSync(['stat', '-c', '%a', join(folder.path, 'data/demo/instance.key')]).stdout.toString()
    expect(mode.trim()).toBe('600')
  })

  test('a second start finds the same people and the same money, and makes nobody again', async () => {
    expect(await server.stop()).toBe(0)
    server = await startServer({ cwd: folder.path, args: ['--demo'] })
    const output = await printed(server, 'Demo people (password')
    expect(output).not.toContain('Demo people were made')
    const { accessToken } = await signIn(server.base, CUSTOMER)
    expect(await balanceOf(server.base, accessToken)).toMatchObject({ balance: 94_950 })
  })
})

describe('a first start in earnest', () => {
  const folder = emptyFolder()
  const operator = { name: 'Olga', email: 'olga@example.com', password: 'a long walk to the sea' }
  const agent = { name: 'Loja', email: 'loja@example.com', password: 'the shop by the market' }
  let server: Running
  let token: string
  let app: AuthenticatorApp

  beforeAll(async () => {
    server = await startServer({ cwd: folder.path })
  })
  afterAll(async () => {
    await server.kill()
    folder.remove()
  })

  test('prints a link to set up the operator', async () => {
    const output = await printed(server, '/setup?token=')
    const link = new URL(/http:\S+\/setup\?token=\S+/.exec(output)?.[0] ?? '')
    expect(link.origin).toBe(server.base)
    token = link.searchParams.get('token') ?? ''
    expect(token.length).toBeGreaterThanOrEqual(32)
    expect((await get(server.base, link.pathname + link.search)).headers.get('content-type')).toStartWith('text/html')
  })

  test('another token makes nobody an operator', async () => {
    const { status, body } = await post(server.base, '/api/v1/setup', { token: 'x'.repeat(32), ...operator })
    expect({ status, code: body.code }).toEqual({ status: 403, code: 'setup_token_invalid' })
  })

  test('the link makes the operator, who can do nothing yet but set up a second factor', async () => {
    const { status, body } = await post(server.base, '/api/v1/setup', { token, ...operator })
    expect(status).toBe(201)
    expect(body).toMatchObject({ email: operator.email, role: 'operator', status: 'active' })
    const { accessToken, secondFactorRequired } = await signIn(server.base, operator.email, operator.password)
    expect(secondFactorRequired).toBe(true)
    const refused = await post(server.base, '/api/v1/users', { ...agent, role: 'agent' }, accessToken)
    expect({ status: refused.status, code: refused.body.code }).toEqual({ status: 403, code: 'second_factor_required' })
    app = await setUpApp(server.base, accessToken)
    expect(app.recoveryCodes).toHaveLength(10)
  })

  test('with the authenticator app the operator signs in and works', async () => {
    const { accessToken, secondFactorRequired } = await signInWithApp(server.base, operator, app)
    expect(secondFactorRequired).toBe(false)
    expect((await post(server.base, '/api/v1/users', { ...agent, role: 'agent' }, accessToken)).status).toBe(201)
  })

  test('an agent needs one too before they see their till', async () => {
    const { accessToken, secondFactorRequired } = await signIn(server.base, agent.email, agent.password)
    const till = () => get(server.base, '/api/v1/agents/me', accessToken)
    expect(secondFactorRequired).toBe(true)
    expect((await till()).body.code).toBe('second_factor_required')
    await setUpApp(server.base, accessToken)
    expect((await till()).body).toMatchObject({ float: 0 })
  })

  test('the link works once', async () => {
    const second = { token, ...operator, email: 'second@example.com' }
    const { status, body } = await post(server.base, '/api/v1/setup', second)
    expect({ status, code: body.code }).toEqual({ status: 403, code: 'setup_token_invalid' })
  })

  test('the next start prints no link', async () => {
    expect(await server.stop()).toBe(0)
    server = await startServer({ cwd: folder.path })
    await get(server.base, '/health')
    expect(server.output()).toContain('/swagger')
    expect(server.output()).not.toContain('/setup?token=')
  })

  test('the app is known after it, and a recovery code stands in for it once', async () => {
    await signInWithApp(server.base, operator, app)
    const [code] = app.recoveryCodes
    const show = async () => {
      const { email, password } = operator
      const { challengeId } = (await post(server.base, '/api/v1/auth/login', { email, password })).body.twoFactor
      return post(server.base, '/api/v1/auth/login/2fa', { challengeId, method: 'recovery', code })
    }
    expect((await show()).status).toBe(200)
    const again = await show()
    expect({ status: again.status, code: again.body.code }).toEqual({ status: 422, code: 'code_invalid' })
  })
})

describe('production', () => {
  const folder = emptyFolder()
  let server: Running

  beforeAll(async () => {
    // What a passer-by may have left in the folder: none of it is Kumbu’s.
    await Bun.write(
      join(folder.path, '.env'),
      'KUMBU_CURRENCY=NOTONE\nKUMBU_MODE=development\nKUMBU_DATA=./elsewhere\n',
    )
    await Bun.write(join(folder.path, '.env.production'), 'KUMBU_CURRENCY=NOTONE\n')
    await Bun.write(join(folder.path, 'bunfig.toml'), 'preload = ["./stranger.ts"]\n')
    await Bun.write(join(folder.path, 'stranger.ts'), "throw new Error('a stranger was let in')\n")
    server = await startServer({ cwd: folder.path, args: ['--mode', 'production'] })
  })
  afterAll(async () => {
    await server.kill()
    folder.remove()
  })

  test('does not load the .env nor the bunfig of the folder it is started in', async () => {
    expect(server.output()).toContain('(production)')
    expect(existsSync(join(folder.path, 'elsewhere'))).toBe(false)
    expect(existsSync(join(folder.path, 'data/kumbu.db'))).toBe(true)
  })

  test('shows nobody’s messages', async () => {
    expect(server.output()).not.toContain('/dev/inbox')
    for (const accept of ['application/json', 'text/html']) {
      const { status, body } = await call(server.base, 'GET', '/dev/inbox', { headers: { accept } })
      expect({ status, code: body.code }).toEqual({ status: 404, code: 'route_not_found' })
    }
    const document = (await get(server.base, '/swagger/json')).body
    expect(Object.keys(document.paths)).not.toContain('/dev/inbox')
  })

  test('is what the executable is when nothing is said', async () => {
    const other = emptyFolder()
    const silent = await startServer({ cwd: other.path })
    try {
      expect(silent.output()).toContain('(production)')
      expect((await get(silent.base, '/dev/inbox')).status).toBe(404)
    } finally {
      await silent.kill()
      other.remove()
    }
  })
})

describe.skipIf(postgresPrograms() === undefined)('two copies on one PostgreSQL database', () => {
  const folders = [emptyFolder(), emptyFolder(), emptyFolder()] as const
  let postgres: PostgresServer
  let here: Running
  let there: Running

  const copyIn = (folder: { path: string }, key = KEY) => ({
    cwd: folder.path,
    args: ['--demo', '--database-url', postgres.url],
    env: { KUMBU_INSTANCE_KEY: key },
  })

  beforeAll(async () => {
    postgres = await createPostgresServer()
    here = await startServer(copyIn(folders[0]))
    there = await startServer(copyIn(folders[1]))
  })
  afterAll(async () => {
    await here?.kill()
    await there?.kill()
    postgres.remove()
    for (const folder of folders) folder.remove()
  })

  test('the first makes the demo people, the second finds them', async () => {
    expect(await printed(here, 'both sides were told')).toContain('Demo people were made')
    expect(await printed(there, 'both sides were told')).not.toContain('Demo people were made')
  })

  test('a withdrawal goes from request to cash as the walk-through says', async () => {
    // Either copy may have sent the messages, so the one that is asked for them must be the only one.
    await there.stop()
    await walkThrough(here)
    there = await startServer(copyIn(folders[1]))
  })

  test('a token that was requested at one is paid at the other', async () => {
    const customer = await signIn(here.base, CUSTOMER_2)
    const agent = await signIn(there.base, DEMO.agent)
    const wish = { amount: 2000, pin: DEMO.pin }
    const { body } = await post(here.base, '/api/v1/atm/withdrawal-request', wish, customer.accessToken)
    const paid = await post(there.base, '/api/v1/atm/validate-token', { token: body.token }, agent.accessToken)
    expect(paid.body).toMatchObject({ status: 'paid', amount: 2000, customer: { name: 'Celso Customer' } })
    for (const { base } of [here, there])
      expect(await balanceOf(base, customer.accessToken)).toMatchObject({ balance: 97_980 })
    const again = await post(here.base, '/api/v1/atm/validate-token', { token: body.token }, agent.accessToken)
    expect(again.body.code).toBe('withdrawal_paid')
  })

  test('a token that is shown at both at the same moment is paid once', async () => {
    const customer = await signIn(here.base, CUSTOMER_2)
    const agent = await signIn(there.base, DEMO.agent)
    const wish = { amount: 1000, pin: DEMO.pin }
    const { body } = await post(here.base, '/api/v1/atm/withdrawal-request', wish, customer.accessToken)
    const answers = await Promise.all(
      [here, there, here, there].map(({ base }) =>
        post(base, '/api/v1/atm/validate-token', { token: body.token }, agent.accessToken),
      ),
    )
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 409, 409, 409])
  })

  test('the same Idempotency-Key at both moves the money once', async () => {
    const customer = await signIn(here.base, CUSTOMER_2)
    const before = await balanceOf(here.base, customer.accessToken)
    const send = ({ base }: Running) =>
      call(base, 'POST', '/api/v1/wallet/me/transfer', {
        token: customer.accessToken,
        headers: { 'idempotency-key': 'one-for-both' },
        body: { to: CUSTOMER, amount: 700, pin: DEMO.pin },
      })
    const answers = await Promise.all([send(here), send(there)])
    const repeated = [await send(here), await send(there)]
    expect(new Set([...answers, ...repeated].map(({ body }) => body.id)).size).toBe(1)
    expect((await balanceOf(there.base, customer.accessToken)).balance).toBe(before.balance - 700)
  })

  test('who signs out at one is signed out at the other within two seconds', async () => {
    const { accessToken, refreshToken } = await signIn(here.base, CUSTOMER)
    await balanceOf(there.base, accessToken)
    expect((await post(here.base, '/api/v1/auth/logout', { refreshToken })).status).toBe(204)
    const balance = (base: string) => get(base, '/api/v1/wallet/me/balance', accessToken)
    expect((await balance(here.base)).status).toBe(401)
    await until(
      () => balance(there.base),
      ({ status }) => status === 401,
      2000,
    )
  })

  test('copies that start at the same moment on an empty database both serve', async () => {
    const client = new SQL(postgres.url)
    await client.unsafe('CREATE DATABASE empty')
    await client.close()
    const url = new URL(postgres.url)
    url.pathname = '/empty'
    const args = ['--database-url', url.href]
    const copies = await Promise.all(
      folders.slice(0, 2).map(({ path }) => startServer({ cwd: path, args, env: { KUMBU_INSTANCE_KEY: KEY } })),
    )
    for (const copy of copies) {
      expect((await get(copy.base, '/ready')).status).toBe(200)
      expect(await copy.stop()).toBe(0)
    }
  })

  test('a copy with another key is told why it cannot join', async () => {
    const other = Buffer.alloc(32, 12).toString('base64url')
    const { cwd, args, env } = copyIn(folders[2], other)
    const { code, err } = await runVerb(['serve', '--port', '0', ...args], { cwd, env })
    expect(code).toBe(2)
    expect(err).toContain('The instance key is not the one that this database was made with')
  })

  test('the books are true while both serve', async () => {
    await expectTrueBooks(folders[0].path, ['--database-url', postgres.url])
  })
})
