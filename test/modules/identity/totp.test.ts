/** Codes of authenticator apps: those of RFC 6238, for one step either way, each once. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { generateSync } from 'otplib'
import { stepOf } from '../../../src/modules/identity/service/totp'
import { expectProblem } from '../../acceptance/answers'
import { createWorld, type Person, type World } from '../../support/world'

const STEP_MS = 30_000
const OATHTOOL = '/usr/bin/oathtool'
/** "12345678901234567890" in base32: the secret of RFC 6238, appendix B, for SHA-1. */
const RFC_SECRET = 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ'
/** Appendix B, the rows of SHA-1: seconds since 1970, the time step in hexadecimal, and the code of eight digits. */
const VECTORS: ReadonlyArray<readonly [seconds: number, step: string, code: string]> = [
  [59, '0000000000000001', '94287082'],
  [1111111109, '00000000023523EC', '07081804'],
  [1111111111, '00000000023523ED', '14050471'],
  [1234567890, '000000000273EF07', '89005924'],
  [2000000000, '0000000003F940AA', '69279037'],
  [20000000000, '0000000027BC86AA', '65353130'],
]

const codeAt = (secret: string, momentMs: number) => generateSync({ secret, epoch: Math.floor(momentMs / 1000) })

describe('the time step of a code', () => {
  // Truncation takes the number modulo a power of ten, so six digits are the last six of eight (RFC 4226, section 5.3).
  test.each(VECTORS)('is that of RFC 6238, appendix B, at %p s', (seconds, step, code) => {
    expect(stepOf(RFC_SECRET, code.slice(-6), seconds * 1000)).toBe(Number.parseInt(step, 16))
  })

  test('is found one step before and one after, and no further', () => {
    const [seconds, hex, code] = VECTORS[3] as (typeof VECTORS)[number]
    const step = Number.parseInt(hex, 16)
    const begins = Math.floor((seconds * 1000) / STEP_MS) * STEP_MS
    const found = (momentMs: number) => stepOf(RFC_SECRET, code.slice(-6), momentMs)
    // Section 5.2: the clock of the app may be a step behind, or ahead.
    expect(found(begins - STEP_MS)).toBe(step)
    expect(found(begins)).toBe(step)
    expect(found(begins + STEP_MS - 1)).toBe(step)
    expect(found(begins + 2 * STEP_MS - 1)).toBe(step)
    expect(found(begins - STEP_MS - 1)).toBeUndefined()
    expect(found(begins + 2 * STEP_MS)).toBeUndefined()
  })

  test('is the same whatever fraction of a step has passed', () => {
    const begins = Date.UTC(2026, 10, 24, 9, 30)
    const code = codeAt(RFC_SECRET, begins)
    for (const ms of [0, 1, 999, 14_999, 29_999]) {
      expect(stepOf(RFC_SECRET, code, begins + ms)).toBe(begins / STEP_MS)
    }
  })

  test('counts only if it is later than the one that was accepted last', () => {
    const now = Date.UTC(2026, 10, 24, 9, 30)
    const step = now / STEP_MS
    const code = codeAt(RFC_SECRET, now)
    expect(stepOf(RFC_SECRET, code, now, step - 1)).toBe(step)
    expect(stepOf(RFC_SECRET, code, now, step)).toBeUndefined()
    expect(stepOf(RFC_SECRET, code, now, step + 1)).toBeUndefined()
    // The app is a step behind, and the step after was shown already.
    expect(stepOf(RFC_SECRET, codeAt(RFC_SECRET, now - STEP_MS), now, step)).toBeUndefined()
    expect(stepOf(RFC_SECRET, codeAt(RFC_SECRET, now + STEP_MS), now, step)).toBe(step + 1)
  })

  test.each(['', '12345', '1234567', '28708２', 'abcdef', '12 345', '-12345', '1e5000', '0x1234', '287082\n'])(
    'is none for what is not six digits (%p)',
    (code) => {
      expect(stepOf(RFC_SECRET, code, 59_000)).toBeUndefined()
    },
  )

  test('is none for a code of another secret', () => {
    const now = Date.UTC(2026, 10, 24, 9, 30)
    const other = 'JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP'
    expect(stepOf(RFC_SECRET, codeAt(other, now), now)).toBeUndefined()
  })
})

/** Debian's oathtool, which CI installs (.ci/run). */
const isInstalled = existsSync(OATHTOOL)

test('CI compares with oathtool', () => {
  expect(isInstalled || !process.env.CI).toBe(true)
})

describe.skipIf(!isInstalled)('agreement with oathtool', () => {
  const oathtool = (secret: string, momentMs: number): string =>
    Bun.spawnSync([
      OATHTOOL,
      '--totp',
      '-b',
      `--now=${new Date(momentMs).toISOString().slice(0, 19).replace('T', ' ')} UTC`,
      secret,
    ])
      .stdout.toString()
      .trim()

  test('on the vectors of the RFC', () => {
    for (const [seconds, , code] of VECTORS) expect(oathtool(RFC_SECRET, seconds * 1000)).toBe(code.slice(-6))
  })

  test('on secrets that are given out, at many moments', async () => {
    const world = await createWorld()
    try {
      const { token } = await world.person('customer')
      for (let i = 0; i < 20; i++) {
        const { secret } = (await world.call('POST', '/api/v1/auth/2fa/totp', { token })).body
        const moment = world.clock() + i * 7_654_321_987
        expect(stepOf(secret, oathtool(secret, moment), moment)).toBe(Math.floor(moment / STEP_MS))
      }
    } finally {
      await world.end()
    }
  })

  test('a sign-in with the code that it shows succeeds', async () => {
    const world = await createWorld()
    try {
      const { email, token } = await world.person('customer')
      const { secret } = (await world.call('POST', '/api/v1/auth/2fa/totp', { token })).body
      const code = () => oathtool(secret, world.clock())
      const confirmed = await world.call('POST', '/api/v1/auth/2fa/totp/confirm', { token, body: { code: code() } })
      expect(confirmed.status).toBe(200)
      world.clock.advance(STEP_MS)
      const { challengeId } = await challengeOf(world, email)
      expect((await show(world, challengeId, code())).status).toBe(200)
    } finally {
      await world.end()
    }
  })
})

async function challengeOf(world: World, email: string): Promise<{ challengeId: string; methods: string[] }> {
  const body = { email, password: 'a long walk to the sea' }
  return (await world.call('POST', '/api/v1/auth/login', { body })).body.twoFactor
}

const show = (world: World, challengeId: string, code: string) =>
  world.call('POST', '/api/v1/auth/login/2fa', { body: { challengeId, method: 'totp', code } })

describe('an authenticator app', () => {
  let world: World

  beforeAll(async () => {
    world = await createWorld()
  })
  afterAll(() => world.end())

  const begin = async (token: string): Promise<string> => {
    const { status, body } = await world.call('POST', '/api/v1/auth/2fa/totp', { token })
    expect(status).toBe(200)
    return body.secret
  }
  const confirm = (token: string, code: unknown) =>
    world.call('POST', '/api/v1/auth/2fa/totp/confirm', { token, body: { code } })

  /** Somebody with an app, in the middle of a step, none of whose codes but the first was shown. */
  async function withApp(): Promise<Person & { secret: string }> {
    const person = await world.person('customer')
    const secret = await begin(person.token)
    expect((await confirm(person.token, codeAt(secret, world.clock()))).status).toBe(200)
    world.clock.advance(10 * STEP_MS)
    return { ...person, secret }
  }

  const signIn = async (email: string, code: string) => show(world, (await challengeOf(world, email)).challengeId, code)

  test('is set up with a secret of 160 bits, as text and as an address, and counts once a code has confirmed it', async () => {
    const { token, email } = await world.person('customer')
    const { body } = await world.call('POST', '/api/v1/auth/2fa/totp', { token })
    expect(body.secret).toMatch(/^[A-Z2-7]{32}$/)
    const address = new URL(body.otpauthUri)
    expect(address.protocol).toBe('otpauth:')
    expect(address.searchParams.get('secret')).toBe(body.secret)
    expect(address.searchParams.get('issuer')).toBe('Kumbu')
    expect(decodeURIComponent(body.otpauthUri)).toContain(email)
    expect(body.qr.png).toStartWith('data:image/png;base64,')
    expect(await challengeOf(world, email)).toBeUndefined()

    const confirmed = await confirm(token, codeAt(body.secret, world.clock()))

    expect(confirmed.status).toBe(200)
    expect(new Set(confirmed.body.recoveryCodes).size).toBe(10)
    expect((await challengeOf(world, email)).methods).toEqual(['totp', 'recovery'])
    expectProblem(await world.call('POST', '/api/v1/auth/2fa/totp', { token }), 409, 'totp_present')
  })

  test('is not confirmed by the code of a secret that was given out before', async () => {
    const { token } = await world.person('customer')
    const before = await begin(token)
    const after = await begin(token)
    expect(after).not.toBe(before)
    expectProblem(await confirm(token, codeAt(before, world.clock())), 422, 'code_invalid')
    expect((await confirm(token, codeAt(after, world.clock()))).status).toBe(200)
    expectProblem(await confirm(token, codeAt(after, world.clock() + STEP_MS)), 409, 'totp_absent')
  })

  test('that is not being set up cannot be confirmed', async () => {
    const { token } = await world.person('customer')
    expectProblem(await confirm(token, '123456'), 409, 'totp_absent')
  })

  test.each([-1, 0, 1])('may be %p steps off', async (steps) => {
    const { email, secret } = await withApp()
    expect((await signIn(email, codeAt(secret, world.clock() + steps * STEP_MS))).status).toBe(200)
  })

  test.each([-2, 2])('may not be %p steps off', async (steps) => {
    const { email, secret } = await withApp()
    expectProblem(await signIn(email, codeAt(secret, world.clock() + steps * STEP_MS)), 422, 'code_invalid')
  })

  test('shows each code for one use: not again, not in another sign-in, not for a step-up', async () => {
    const { email, secret, token } = await withApp()
    const code = codeAt(secret, world.clock())
    expect((await signIn(email, code)).status).toBe(200)
    expectProblem(await signIn(email, code), 422, 'code_invalid')
    const body = { method: 'totp', code }
    expectProblem(await world.call('POST', '/api/v1/auth/step-up', { token, body }), 422, 'code_invalid')
  })

  test('that confirmed itself with a code does not sign in with the same one', async () => {
    const { token, email } = await world.person('customer')
    const secret = await begin(token)
    const code = codeAt(secret, world.clock())
    expect((await confirm(token, code)).status).toBe(200)
    expectProblem(await signIn(email, code), 422, 'code_invalid')
  })

  test('makes every code before the accepted one worth nothing', async () => {
    const { email, secret } = await withApp()
    expect((await signIn(email, codeAt(secret, world.clock() + STEP_MS))).status).toBe(200)
    for (const steps of [-1, 0, 1])
      expectProblem(await signIn(email, codeAt(secret, world.clock() + steps * STEP_MS)), 422, 'code_invalid')
    world.clock.advance(STEP_MS)
    expect((await signIn(email, codeAt(secret, world.clock() + STEP_MS))).status).toBe(200)
  })

  test('shows a code that is accepted once, also by two requests at the same moment', async () => {
    const { email, secret } = await withApp()
    const code = codeAt(secret, world.clock())
    const answers = await Promise.all(Array.from({ length: 4 }, () => signIn(email, code)))
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 422, 422, 422])
  })

  test('takes a code that was typed in two groups', async () => {
    const { email, secret } = await withApp()
    const code = codeAt(secret, world.clock())
    expect((await signIn(email, `${code.slice(0, 3)} ${code.slice(3)}`)).status).toBe(200)
  })

  test.each([
    'abcdef',
    '12345',
    '1234567',
    '１２３４５６',
    '12345a',
    '1e5',
    '-12345',
    ' ',
    '\u0000',
    '🙂🙂',
    'x'.repeat(64),
  ])('does not take %p for a code', async (code) => {
    const { email } = await withApp()
    const answer = await signIn(email, code)
    expect(answer.status).toBe(422)
    expect(['code_invalid', 'validation_failed']).toContain(answer.body.code)
    const { token } = await world.person('customer')
    await begin(token)
    expect((await confirm(token, code)).status).toBe(422)
  })

  test.each([[123456], [null], [['123456']], [{}], [undefined], ['']])(
    'does not take %p for one either',
    async (code) => {
      const { token } = await world.person('customer')
      await begin(token)
      expectProblem(await confirm(token, code), 422, 'validation_failed')
    },
  )
})
