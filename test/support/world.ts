/**
 * A whole Kumbu in this process, on a fresh database, with a clock that the test holds. Requests go through the same
 * pipeline as on a socket; nothing is replaced but time.
 */
import { generateSync } from 'otplib'
import { createApp } from '../../src/app'
import { type Config, loadConfig } from '../../src/config'
import type { Role } from '../../src/modules/identity'
import { openStore } from '../../src/platform/db'
import { createIds } from '../../src/platform/ids'
import { type Log, silentLog } from '../../src/platform/observability/log'
import { createMetrics } from '../../src/platform/observability/metrics'
import type { Runtime } from '../../src/platform/runtime'
import { createKeyring } from '../../src/platform/security/keyring'
import { freshDatabase, type TestDatabase } from './database'

export const PASSWORD = 'a long walk to the sea'
export const PIN = '2580'

export interface TestClock {
  (): number
  advance(ms: number): void
}

export interface Answer {
  status: number
  headers: Headers
  // biome-ignore lint/suspicious/noExplicitAny: an answer may hold anything; the test says what it expects of it.
  body: any
}

export interface CallOptions {
  token?: string | undefined
  body?: unknown
  headers?: Record<string, string>
  /** The address the request comes from. */
  from?: string
}

export interface Person {
  id: string
  email: string
  token: string
}

export type World = Awaited<ReturnType<typeof createWorld>>

export function testClock(start = Date.UTC(2026, 10, 24, 9, 30)): TestClock {
  let now = start
  return Object.assign(() => now, {
    advance(ms: number) {
      now += ms
    },
  })
}

export function createTestRuntime(
  database: TestDatabase,
  clock: TestClock = testClock(),
  log: Log = silentLog,
): Runtime {
  const random = (bytes: number) => crypto.getRandomValues(new Uint8Array(bytes))
  return {
    store: openStore(database.location, { strictUnits: true }),
    clock,
    random,
    newId: createIds(clock, random),
    keyring: createKeyring(new Uint8Array(32).fill(7), random),
    log,
    metrics: createMetrics(),
  }
}

export function testConfig(flags: Record<string, string> = {}): Config {
  return loadConfig({ 'rate-limit': '0', mode: 'demo', ...flags }, {}, false)
}

export async function createWorld(flags: Record<string, string> = {}, log: Log = silentLog) {
  const database = await freshDatabase()
  const clock = testClock()
  const runtime = createTestRuntime(database, clock, log)
  const config = testConfig(flags)
  const app = createApp(config, runtime)
  let people = 0

  async function call(
    method: string,
    path: string,
    { token, body, headers = {}, from = '192.0.2.1' }: CallOptions = {},
  ): Promise<Answer> {
    const request = new Request(`http://localhost${path}`, {
      method,
      headers: {
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    })
    const response = await app.pipeline(request, () => from)
    const text = await response.text()
    const isJson = response.headers.get('content-type')?.includes('json') ?? false
    return { status: response.status, headers: response.headers, body: isJson ? JSON.parse(text) : text }
  }

  const write = <T>(unit: Parameters<typeof runtime.store.write<T>>[0]) => runtime.store.write(unit)

  /** The secrets of authenticator apps, by e-mail address. */
  const apps = new Map<string, string>()

  /** What the authenticator app shows. A code is good once, so the next one is waited for. */
  function appCode(secret: string): string {
    clock.advance(30_000)
    return generateSync({ secret, epoch: Math.floor(clock() / 1000) })
  }

  async function signIn(email: string, password = PASSWORD): Promise<string> {
    const first = await call('POST', '/api/v1/auth/login', { body: { email, password } })
    const { twoFactor } = first.body ?? {}
    const secret = apps.get(email)
    const answer =
      twoFactor && secret
        ? await call('POST', '/api/v1/auth/login/2fa', {
            body: { challengeId: twoFactor.challengeId, method: 'totp', code: appCode(secret) },
          })
        : first
    if (answer.status !== 200 || answer.body.twoFactor)
      throw new Error(`${email} could not sign in: ${JSON.stringify(answer.body)}`)
    if (answer.body.secondFactorRequired) await setUpApp(email, answer.body.accessToken)
    return answer.body.accessToken
  }

  /** Sets an authenticator app up; answers its secret and the recovery codes. */
  async function setUpApp(email: string, token: string): Promise<{ secret: string; recoveryCodes: string[] }> {
    const { body } = await call('POST', '/api/v1/auth/2fa/totp', { token })
    const { secret } = body
    const confirmed = await call('POST', '/api/v1/auth/2fa/totp/confirm', { token, body: { code: appCode(secret) } })
    if (confirmed.status !== 200) throw new Error(`No app for ${email}: ${JSON.stringify(confirmed.body)}`)
    apps.set(email, secret)
    return { secret, recoveryCodes: confirmed.body.recoveryCodes }
  }

  /** A person who can sign in, has a PIN, and is signed in. */
  async function person(role: Role, name = `${role} ${people + 1}`): Promise<Person> {
    people += 1
    const number = people
    const agentId = role === 'teller' ? (await person('agent')).id : undefined
    const email = `${role}${number}@example.com`
    const made = await app.identity.people.create(
      { name, email, phone: `+25884${String(1_000_000 + number)}`, password: PASSWORD, role, pin: PIN, agentId },
      'system',
    )
    if (!made.ok) throw new Error(made.code)
    return { id: made.value.id, email, token: await signIn(email) }
  }

  /** An agent with float, by default 1,000,000. */
  async function agent(float = 1_000_000): Promise<Person> {
    const made = await person('agent')
    if (float > 0) await issueFloat(made.id, float)
    return made
  }

  async function issueFloat(agentId: string, amount: number): Promise<void> {
    const result = await app.agents.issueFloat({ agentId, amount }, (unit) => runtime.store.write(unit))
    if (!result.ok) throw new Error(result.code)
  }

  /** A customer with money, which an agent of their own cashed in. */
  async function customer(money = 100_000): Promise<Person> {
    const made = await person('customer')
    if (money > 0) {
      const till = await agent(money)
      const result = await app.agents.cashIn({ by: till.id, to: made.id, amount: money }, (unit) =>
        runtime.store.write(unit),
      )
      if (!result.ok) throw new Error(result.code)
    }
    return made
  }

  /** Messages that were sent to the address, newest first, after all that is due was done. */
  async function mailTo(email: string): Promise<Array<{ subject: string; text: string }>> {
    await app.settle()
    return app.inbox?.list(email) ?? []
  }

  /** Lets time go by in steps, doing what comes due after each. */
  async function wait(ms: number, stepMs = ms): Promise<void> {
    for (let passed = 0; passed < ms; passed += stepMs) {
      clock.advance(Math.min(stepMs, ms - passed))
      await app.settle()
    }
  }

  return {
    app,
    runtime,
    clock,
    config,
    database,
    call,
    write,
    signIn,
    appCode,
    setUpApp,
    person,
    agent,
    customer,
    issueFloat,
    mailTo,
    wait,
    async end() {
      await app.stop()
      await runtime.store.close()
      await database.drop()
    },
  }
}
