/** What people, clients and attackers send that they should not: each gets its refusal, and no money moves. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'bun:test'
import { generateKeyPair, SignJWT } from 'jose'
import { createApp } from '../../src/app'
import { newToken, qrText } from '../../src/modules/withdrawals/token'
import { listen } from '../../src/platform/http/server'
import { type Answer, createWorld, PASSWORD, type Person, PIN, type World } from '../support/world'
import { bearer, booksOf, expectCleanBooks, expectProblem, send } from './answers'

const TRANSFER = '/api/v1/wallet/me/transfer'
const WITHDRAW = '/api/v1/atm/withdrawal-request'
const VALIDATE = '/api/v1/atm/validate-token'
const CASH_IN = '/api/v1/agents/me/cash-in'
const WRONG_PIN = '7391'
const NOBODY = 'usr_00000000000000000000'

let world: World
let amina: Person
let bruno: Person
let frozen: Person
let agent: Person
let operator: Person

beforeAll(async () => {
  world = await createWorld()
  ;[amina, bruno, frozen, agent, operator] = (await Promise.all([
    world.person('customer', 'Amina'),
    world.person('customer', 'Bruno'),
    world.person('customer', 'Farida'),
    world.agent(1_000_000),
    world.person('operator', 'Olga'),
  ])) as [Person, Person, Person, Person, Person]
  await cashIn(amina, 100_000)
  await world.call('POST', `/api/v1/users/${frozen.id}/freeze`, { token: operator.token, body: {} })
})

afterAll(async () => {
  await expectCleanBooks(world)
  await world.end()
})

async function cashIn({ id }: Person, amount: number): Promise<void> {
  const { status } = await world.call('POST', CASH_IN, { token: agent.token, body: { to: id, amount } })
  expect(status).toBe(201)
}

const post = (path: string, who: Person, body: unknown, headers: Record<string, string> = {}) =>
  world.call('POST', path, { token: who.token, body, headers })

const transfer = (body: object, who = amina) => post(TRANSFER, who, { to: bruno.id, amount: 100, pin: PIN, ...body })

async function requestToken(amount = 1_000, who = amina): Promise<{ id: string; token: string; fee: number }> {
  const { status, body } = await post(WITHDRAW, who, { amount, pin: PIN })
  expect(status).toBe(201)
  return body
}

const balanceOf = async ({ token }: Person) => (await world.call('GET', '/api/v1/wallet/me/balance', { token })).body

/** Within a block that says this, every test leaves the books as they were. */
function nothingMoves(): void {
  let before: unknown
  beforeEach(async () => {
    before = await booksOf(world)
  })
  afterEach(async () => {
    expect(await booksOf(world)).toEqual(before as never)
  })
}

describe('an amount that is none', () => {
  nothingMoves()

  // As JSON text, because some of these are no JavaScript numbers.
  const amounts = {
    negative: '-1',
    'zero, with a sign': '-0',
    zero: '0',
    fractional: '0.5',
    'a whole and a bit': '100.01',
    'one above the largest (2^53)': '9007199254740992',
    'two above the largest': '9007199254740993',
    'beyond every number': '1e400',
    'beyond every number, negative': '-1e400',
    'a number in a string': '"100"',
    'an empty string': '""',
    null: 'null',
    true: 'true',
    'a list': '[100]',
    'an object': '{"amount": 100, "currency": "USD"}',
  }
  const missing = ''

  for (const [name, amount] of [...Object.entries(amounts), ['missing', missing] as const]) {
    test(`${name}: refused by every route that moves money`, async () => {
      const member = amount === missing ? '' : `, "amount": ${amount}`
      const routes: Array<[path: string, who: Person, rest: string]> = [
        [TRANSFER, amina, `"to": "${bruno.id}", "pin": "${PIN}"`],
        [WITHDRAW, amina, `"pin": "${PIN}"`],
        [CASH_IN, agent, `"to": "${bruno.id}"`],
        [`/api/v1/agents/${agent.id}/float`, operator, '"currency": "USD"'],
      ]
      for (const [path, who, rest] of routes) {
        const answer = await post(path, who, `{${rest}${member}}`)
        expectProblem(answer, 422, 'validation_failed')
        expect(answer.body.errors[0].pointer).toBe('/amount')
      }
    })
  }

  test('the largest amount that can be counted exactly is an amount, and only more than there is', async () => {
    expectProblem(await transfer({ amount: Number.MAX_SAFE_INTEGER }), 422, 'insufficient_funds')
    expectProblem(await post(WITHDRAW, amina, { amount: Number.MAX_SAFE_INTEGER, pin: PIN }), 422, 'insufficient_funds')
    expectProblem(
      await post(CASH_IN, agent, { to: bruno.id, amount: Number.MAX_SAFE_INTEGER }),
      422,
      'insufficient_funds',
    )
  })
})

describe('a recipient who cannot be paid', () => {
  nothingMoves()

  for (const to of [
    NOBODY,
    '+258849999999',
    'nobody@example.com',
    'not an address',
    '../../me',
    '%00',
    "' or 1=1 --",
  ]) {
    test(`unknown: ${to}`, async () => {
      expectProblem(await transfer({ to }), 404, 'recipient_not_found')
      expectProblem(await post(CASH_IN, agent, { to, amount: 100 }), 404, 'customer_not_found')
    })
  }

  test('with a character that no database text may hold', async () => {
    for (const to of ['nobody\u0000@example.com', 'usr_\u0000', '+25884\u00001234567', '\ud800@example.com']) {
      const sent = await transfer({ to })
      expect([404, 422]).toContain(sent.status)
      expect(['recipient_not_found', 'validation_failed']).toContain(sent.body.code)
    }
  })

  test('oneself, by whichever name', async () => {
    const { body } = await world.call('GET', '/api/v1/auth/profile', { token: amina.token })
    for (const to of [amina.id, body.phone, body.email, body.email.toUpperCase()]) {
      expectProblem(await transfer({ to }), 422, 'recipient_is_sender')
    }
    expectProblem(await post(CASH_IN, agent, { to: agent.id, amount: 100 }), 422, 'cash_in_to_self')
  })

  test('frozen', async () => {
    expectProblem(await transfer({ to: frozen.id }), 409, 'recipient_cannot_receive')
    expectProblem(await post(CASH_IN, agent, { to: frozen.id, amount: 100 }), 409, 'customer_cannot_receive')
  })

  test('not yet confirmed', async () => {
    const email = 'pending@example.com'
    await world.call('POST', '/api/v1/auth/register', { body: { name: 'Pia', email, password: PASSWORD } })
    expectProblem(await transfer({ to: email }), 404, 'recipient_not_found')
  })

  test('an operator, who has no wallet', async () => {
    expectProblem(await transfer({ to: operator.id }), 404, 'recipient_not_found')
  })

  test('too short, too long, or no text', async () => {
    for (const to of ['', 'ab', 'a'.repeat(255), 258841234567, null, ['a@b.c']]) {
      expectProblem(await transfer({ to }), 422, 'validation_failed')
    }
  })
})

describe('another currency', () => {
  nothingMoves()

  test('one in which there is no money', async () => {
    expectProblem(await transfer({ currency: 'EUR' }), 422, 'insufficient_funds')
    expectProblem(await post(WITHDRAW, amina, { amount: 100, pin: PIN, currency: 'EUR' }), 422, 'insufficient_funds')
    expectProblem(await post(CASH_IN, agent, { to: bruno.id, amount: 100, currency: 'EUR' }), 422, 'insufficient_funds')
  })

  test('a text that has not the form of a currency', async () => {
    for (const currency of ['usd', 'US', 'USDT', '', 'U$D', 840, null]) {
      expectProblem(await transfer({ currency }), 422, 'validation_failed')
    }
  })

  test('one that does not exist: no e-money is issued in it', async () => {
    const { status } = await post(`/api/v1/agents/${agent.id}/float`, operator, { amount: 100, currency: 'QQQ' })
    expect(status).toBe(422)
  })
})

describe('fields that a money request does not know', () => {
  nothingMoves()

  test('a misspelt or an extra one is refused, not overlooked', async () => {
    const routes: Array<[path: string, who: Person, body: object]> = [
      [TRANSFER, amina, { to: bruno.id, amount: 100, pin: PIN }],
      [WITHDRAW, amina, { amount: 100, pin: PIN }],
      [CASH_IN, agent, { to: bruno.id, amount: 100 }],
      [`/api/v1/agents/${agent.id}/float`, operator, { amount: 100 }],
      [VALIDATE, agent, { token: '4829135570' }],
    ]
    for (const [path, who, body] of routes) {
      for (const extra of [{ curency: 'EUR' }, { fee: 0 }, { Amount: 1 }, { fromUserId: bruno.id }]) {
        expectProblem(await post(path, who, { ...body, ...extra }), 422, 'validation_failed')
      }
    }
  })

  test('__proto__ and constructor are fields like others', async () => {
    for (const name of ['__proto__', 'constructor']) {
      const body = `{"to":"${bruno.id}","amount":100,"pin":"${PIN}","${name}":{"role":"operator"}}`
      expectProblem(await post(TRANSFER, amina, body), 422, 'validation_failed')
    }
  })
})

describe('a balance that is one cent short', () => {
  test('the fee counts: what covers the amount alone is not enough', async () => {
    const short = await world.person('customer', 'Short')
    await cashIn(short, 10_099)
    const before = await booksOf(world)

    const refused = await post(WITHDRAW, short, { amount: 10_000, pin: PIN })

    expectProblem(refused, 422, 'insufficient_funds')
    expect(refused.body.available).toBe(10_099)
    expectProblem(await transfer({ amount: 10_100 }, short), 422, 'insufficient_funds')
    expect(await booksOf(world)).toEqual(before)

    await cashIn(short, 1)
    expect((await post(WITHDRAW, short, { amount: 10_000, pin: PIN })).body.fee).toBe(100)
    expect(await balanceOf(short)).toMatchObject({ balance: 10_100, held: 10_100, available: 0 })
    expectProblem(await transfer({ amount: 1 }, short), 422, 'insufficient_funds')
  })
})

describe('a PIN that authorizes nothing', () => {
  nothingMoves()

  test('missing, or of another form', async () => {
    for (const pin of [undefined, '', '123', '1234567', 2580, 'abcd', '２５８０', null, '25 80']) {
      expectProblem(await transfer({ pin }), 422, 'validation_failed')
      expectProblem(await post(WITHDRAW, amina, { amount: 100, pin }), 422, 'validation_failed')
    }
  })

  test('not chosen yet', async () => {
    const made = await world.app.identity.people.create(
      { name: 'No PIN', email: 'nopin@example.com', password: PASSWORD, role: 'customer' },
      'system',
    )
    expect(made.ok).toBe(true)
    const token = await world.signIn('nopin@example.com')
    const who = { id: '', email: '', token }
    expectProblem(await transfer({}, who), 409, 'pin_not_set')
    expectProblem(await post(WITHDRAW, who, { amount: 100, pin: PIN }), 409, 'pin_not_set')
  })

  test('wrong: it says how many tries are left; the fifth locks, and then the right one is refused too', async () => {
    const guesser = await world.person('customer', 'Guesser')
    for (const triesLeft of [4, 3, 2, 1]) {
      const wrong = await transfer({ pin: WRONG_PIN }, guesser)
      expectProblem(wrong, 403, 'pin_wrong')
      expect(wrong.body.triesLeft).toBe(triesLeft)
    }
    for (const pin of [WRONG_PIN, PIN]) {
      const locked = await transfer({ pin }, guesser)
      expectProblem(locked, 423, 'pin_locked')
      expect(locked.headers.get('retry-after')).toBe('900')
    }
    expectProblem(await post(WITHDRAW, guesser, { amount: 100, pin: PIN }), 423, 'pin_locked')
  })
})

describe('a token that pays nothing', () => {
  const validate = (token: unknown, who = agent) => post(VALIDATE, who, { token })

  test('malformed: it is not looked for, and does not count as a guess', async () => {
    const before = await booksOf(world)
    const right = newToken(world.runtime.random)
    const mistyped = right.slice(0, 9) + ((Number(right[9]) + 1) % 10)
    for (const token of [
      mistyped,
      right.slice(1),
      `${right}0`,
      'ten digits',
      '４８２９１３５５７０',
      `KUMBU:X:${right}`,
      `KUMBU:W:${right}:5000`,
      `${right}\u0000`,
      "' or '1'='1",
    ]) {
      expectProblem(await validate(token), 422, 'token_malformed')
    }
    for (const token of ['', ' '.repeat(101), 4829135570, null, undefined, [right], { right }]) {
      expectProblem(await validate(token), 422, 'validation_failed')
    }
    // Sixteen faults, and the terminal is not locked.
    const unknown = await validate(right)
    expectProblem(unknown, 404, 'token_unknown')
    expect(unknown.body.triesLeft).toBe(4)
    expect(await booksOf(world)).toEqual(before)
  })

  test('used: paid once, by token and by QR code', async () => {
    const { token } = await requestToken()
    expect((await validate(token)).status).toBe(200)
    const before = await booksOf(world)

    expectProblem(await validate(token), 409, 'withdrawal_paid')
    expectProblem(await validate(qrText(token)), 409, 'withdrawal_paid')
    expect(await booksOf(world)).toEqual(before)
  })

  test('cancelled', async () => {
    const { token, id } = await requestToken()
    expect((await post(`/api/v1/atm/withdrawals/${id}/cancel`, amina, {})).status).toBe(200)
    const before = await booksOf(world)

    expectProblem(await validate(token), 409, 'withdrawal_cancelled')
    expect(await booksOf(world)).toEqual(before)
  })

  test('reversed', async () => {
    const { token, id } = await requestToken()
    expect((await validate(token)).status).toBe(200)
    expect((await post(`/api/v1/atm/withdrawals/${id}/reverse`, agent, {})).status).toBe(200)
    const before = await booksOf(world)

    expectProblem(await validate(token), 409, 'withdrawal_reversed')
    expect(await booksOf(world)).toEqual(before)
  })

  test('foreign: one of another instance is unknown here', async () => {
    const elsewhere = newToken(world.runtime.random)
    const before = await booksOf(world)

    expectProblem(await validate(elsewhere), 404, 'token_unknown')
    expect(await booksOf(world)).toEqual(before)
  })

  test('a terminal that guesses is locked, for the right token too, until the lock ends', async () => {
    const guesser = await world.agent(0)
    const { token } = await requestToken()
    const guess = () => validate(newToken(world.runtime.random), guesser)
    for (const triesLeft of [4, 3, 2, 1]) {
      const unknown = await guess()
      expectProblem(unknown, 404, 'token_unknown')
      expect(unknown.body.triesLeft).toBe(triesLeft)
    }
    const before = await booksOf(world)

    const fifth = await guess()
    expectProblem(fifth, 423, 'terminal_locked')
    expect(fifth.headers.get('retry-after')).toBe('300')
    expectProblem(await validate(token, guesser), 423, 'terminal_locked')
    expect(await booksOf(world)).toEqual(before)

    world.clock.advance(5 * 60_000)
    expect((await validate(token, guesser)).status).toBe(200)
  })

  test('raced by twenty terminals: one pays, the others are told that it was paid', async () => {
    const terminals = await Promise.all(Array.from({ length: 20 }, () => terminal()))
    const { token } = await requestToken(5_000)
    const before = await balanceOf(amina)

    const answers = await Promise.all(terminals.map((who) => validate(token, who)))

    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
    for (const lost of answers.filter(({ status }) => status !== 200)) expectProblem(lost, 409, 'withdrawal_paid')
    expect(await balanceOf(amina)).toMatchObject({ balance: before.balance - 5_050, held: before.held - 5_050 })
    const tills = await Promise.all(terminals.map(({ id }) => world.app.agents.till(id)))
    const floats = tills.flatMap((till) => (till.ok ? [till.value] : []))
    expect(floats.map(({ float }) => float).sort((a, b) => b - a)).toEqual([5_000, ...Array(19).fill(0)])
    expect(floats.reduce((sum, { commission }) => sum + commission, 0)).toBe(25)
    await expectCleanBooks(world)
  })

  test('expired: at the second its time is over, whether or not the schedule has come by', async () => {
    const rich = await world.person('customer', 'Rich')
    await cashIn(rich, 10_000)
    const { token } = await requestToken(1_000, rich)
    world.clock.advance(900_000 - 1)
    const { token: inTime } = await requestToken(500, rich)
    world.clock.advance(1)
    const still = await world.signIn(agent.email)
    const before = await booksOf(world)

    const late = await world.call('POST', VALIDATE, { token: still, body: { token } })

    expectProblem(late, 410, 'withdrawal_expired')
    expect(await booksOf(world)).toEqual(before)
    await world.app.jobs.runNow('withdrawals.expire')
    expectProblem(await world.call('POST', VALIDATE, { token: still, body: { token } }), 410, 'withdrawal_expired')
    expect((await world.call('POST', VALIDATE, { token: still, body: { token: inTime } })).status).toBe(200)
    await freshTokens()
  })
})

/** An agent without a PIN or float, which a validation needs neither of. */
async function terminal(): Promise<Person> {
  const email = `terminal-${crypto.randomUUID()}@example.com`
  const made = await world.app.identity.people.create(
    { name: 'Terminal', email, password: PASSWORD, role: 'agent' },
    'system',
  )
  if (!made.ok) throw new Error(made.code)
  return { id: made.value.id, email, token: await world.signIn(email) }
}

/** Signs everybody in again, after the clock went past the life of their access tokens. */
async function freshTokens(): Promise<void> {
  await Promise.all(
    [amina, bruno, agent, operator].map(async (who) => {
      who.token = await world.signIn(who.email)
    }),
  )
}

describe('one Idempotency-Key', () => {
  const keyed = (key: string) => ({ 'idempotency-key': key })

  test('with two bodies: the first counts, the second is refused', async () => {
    const first = await post(TRANSFER, amina, { to: bruno.id, amount: 100, pin: PIN }, keyed('two-bodies'))
    expect(first.status).toBe(201)
    const before = await booksOf(world)

    const other = await post(TRANSFER, amina, { to: bruno.id, amount: 101, pin: PIN }, keyed('two-bodies'))
    const elsewhere = await post(WITHDRAW, amina, { amount: 100, pin: PIN }, keyed('two-bodies'))

    expectProblem(other, 422, 'idempotency_key_reused')
    expectProblem(elsewhere, 422, 'idempotency_key_reused')
    expect(await booksOf(world)).toEqual(before)
  })

  test('with the same body, its members in another order: the first answer again', async () => {
    const first = await post(TRANSFER, amina, { to: bruno.id, amount: 102, pin: PIN }, keyed('same-body'))
    const before = await booksOf(world)

    const again = await post(TRANSFER, amina, { pin: PIN, amount: 102, to: bruno.id }, keyed('same-body'))

    expect(again.status).toBe(201)
    expect(again.body).toEqual(first.body)
    expect(await booksOf(world)).toEqual(before)
  })

  test('of two people is two keys', async () => {
    const hers = await post(TRANSFER, amina, { to: bruno.id, amount: 103, pin: PIN }, keyed('shared'))
    const his = await post(TRANSFER, bruno, { to: amina.id, amount: 3, pin: PIN }, keyed('shared'))

    expect([hers.status, his.status]).toEqual([201, 201])
    expect(his.body.id).not.toBe(hers.body.id)
  })

  test('in parallel: one movement, and nobody is told of another', async () => {
    const before = await balanceOf(amina)

    const answers = await Promise.all(
      Array.from({ length: 10 }, () =>
        post(TRANSFER, amina, { to: bruno.id, amount: 500, pin: PIN }, keyed('in-parallel')),
      ),
    )

    const done = answers.filter(({ status }) => status === 201)
    expect(done.length).toBeGreaterThanOrEqual(1)
    expect(new Set(done.map(({ body }) => body.id)).size).toBe(1)
    for (const other of answers.filter(({ status }) => status !== 201)) {
      expectProblem(other, 409, 'idempotency_key_in_flight')
    }
    expect((await balanceOf(amina)).balance).toBe(before.balance - 500)
  })

  test('of a refusal may be tried again, once there is money', async () => {
    const poor = await world.person('customer', 'Poor')
    const body = { to: bruno.id, amount: 700, pin: PIN }
    expectProblem(await post(TRANSFER, poor, body, keyed('try-again')), 422, 'insufficient_funds')
    await cashIn(poor, 700)

    expect((await post(TRANSFER, poor, body, keyed('try-again'))).status).toBe(201)
  })

  test('after a restart: the first answer again, the token of a withdrawal included', async () => {
    const sent = { to: bruno.id, amount: 104, pin: PIN }
    const transferred = await post(TRANSFER, amina, sent, keyed('restart-1'))
    const requested = await post(WITHDRAW, amina, { amount: 600, pin: PIN }, keyed('restart-2'))
    expect([transferred.status, requested.status]).toEqual([201, 201])
    const before = await booksOf(world)
    const restarted = { app: createApp(world.config, world.runtime) }
    const repeat = (path: string, body: object, key: string) =>
      send(restarted, 'POST', path, {
        headers: { ...bearer(amina.token), ...keyed(key), 'content-type': 'application/json' },
        body: JSON.stringify(body),
      })

    expect(await repeat(TRANSFER, sent, 'restart-1')).toMatchObject({ status: 201, body: transferred.body })
    expect(await repeat(WITHDRAW, { amount: 600, pin: PIN }, 'restart-2')).toMatchObject({
      status: 201,
      body: requested.body,
    })
    expectProblem(await repeat(TRANSFER, { ...sent, amount: 105 }, 'restart-1'), 422, 'idempotency_key_reused')
    expect(await booksOf(world)).toEqual(before)
  })

  test('at two copies of the process at once: one movement', async () => {
    const copy = { app: createApp(world.config, world.runtime) }
    const before = await balanceOf(amina)
    const once = (to: Pick<World, 'app'>) =>
      send(to, 'POST', TRANSFER, {
        headers: { ...bearer(amina.token), ...keyed('two-copies'), 'content-type': 'application/json' },
        body: JSON.stringify({ to: bruno.id, amount: 800, pin: PIN }),
      })

    const [one, two] = await Promise.all([once(world), once(copy)])

    expect([one?.status, two?.status]).toEqual([201, 201])
    expect(two?.body).toEqual(one?.body)
    expect((await balanceOf(amina)).balance).toBe(before.balance - 800)
  })

  test('that has not the form of one', async () => {
    const before = await booksOf(world)
    for (const key of ['', 'two words', 'k'.repeat(256), 'clé']) {
      const answer = await post(TRANSFER, amina, { to: bruno.id, amount: 100, pin: PIN }, keyed(key))
      expectProblem(answer, 400, 'idempotency_key_invalid')
    }
    expect(await booksOf(world)).toEqual(before)
  })
})

describe('a body that is none', () => {
  nothingMoves()

  const json = { 'content-type': 'application/json' }
  const TEN_MB = 10 * 1024 * 1024
  const submit = (body: BodyInit | undefined, headers: Record<string, string> = json) =>
    send(world, 'POST', TRANSFER, {
      headers: { ...bearer(amina.token), ...headers },
      ...(body === undefined ? {} : { body }),
    })
  const good = () => JSON.stringify({ to: bruno.id, amount: 100, pin: PIN })

  /** 10 MB in pieces, without a length. */
  const endless = () =>
    new ReadableStream<Uint8Array>({
      start: () => {
        sent = 0
      },
      pull(controller) {
        if (sent >= TEN_MB) return controller.close()
        sent += 16_384
        controller.enqueue(new Uint8Array(16_384).fill(32))
      },
    })
  let sent = 0

  test('10 MB, announced', async () => {
    expectProblem(await submit('x', { ...json, 'content-length': String(TEN_MB) }), 413, 'body_too_large')
  })

  test('10 MB, unannounced: reading stops soon after the limit', async () => {
    expectProblem(await submit(endless()), 413, 'body_too_large')
    expect(sent).toBeLessThan(1024 * 1024)
  })

  test('10 MB on a socket, with and without a length', async () => {
    const server = listen(world.app.pipeline, '127.0.0.1', 0)
    try {
      const url = `http://127.0.0.1:${server.port}${TRANSFER}`
      const headers = { ...bearer(amina.token), ...json }
      for (const body of [' '.repeat(TEN_MB), endless()]) {
        const response = await fetch(url, { method: 'POST', headers, body })
        expect(response.status).toBe(413)
        expect(response.headers.get('content-type')).toBe('application/problem+json')
        expect(((await response.json()) as { code: string }).code).toBe('body_too_large')
      }
    } finally {
      await server.stop(0)
    }
  })

  test('no JSON', async () => {
    for (const body of ['{', '{"to":', 'amount=100', "{'to': 1}", '{"to":1,}', good().slice(0, -1), 'NaN']) {
      expectProblem(await submit(body), 400, 'malformed_body')
    }
  })

  test('JSON that is no object', async () => {
    for (const body of ['null', '[]', '"text"', '1', 'true', `[${good()}]`]) {
      expectProblem(await submit(body), 422, 'validation_failed')
    }
  })

  test('nested deeper than anybody can mean', async () => {
    const answer = await submit(`${'['.repeat(30_000)}${']'.repeat(30_000)}`)
    expect([400, 422]).toContain(answer.status)
    expect(answer.headers.get('content-type')).toBe('application/problem+json')
  })

  test('another charset', async () => {
    for (const charset of ['iso-8859-1', 'utf-16', 'latin1', '"utf-16"']) {
      expectProblem(
        await submit(good(), { 'content-type': `application/json; charset=${charset}` }),
        415,
        'unsupported_media_type',
      )
    }
  })

  test('not in UTF-8, whatever it says', async () => {
    const latin1 = Buffer.from(`{"to":"${bruno.id}","amount":100,"pin":"${PIN}","note":"P\xe3o"}`, 'latin1')
    const utf16 = Buffer.from(good(), 'utf16le')
    const cut = Buffer.from(`{"to":"${bruno.id}","amount":100,"pin":"${PIN}","note":"\xe2\x82"}`, 'latin1')
    for (const bytes of [latin1, cut, utf16]) expectProblem(await submit(new Uint8Array(bytes)), 400, 'malformed_body')
    for (const bytes of [latin1, cut]) {
      const headers = { ...json, 'content-length': String(bytes.length) }
      expectProblem(await submit(new Uint8Array(bytes), headers), 400, 'malformed_body')
    }
  })

  test('another media type', async () => {
    for (const type of [
      'text/plain',
      'application/x-www-form-urlencoded',
      'multipart/form-data; boundary=x',
      'text/json',
      'application/jsonp',
      'application/xml',
      'application/json, text/plain',
    ]) {
      expectProblem(await submit(good(), { 'content-type': type }), 415, 'unsupported_media_type')
    }
  })

  test('missing: nothing at all, and nothing of the right type', async () => {
    const nothing = await submit(undefined, {})
    const empty = await submit('', json)
    const announced = await submit(undefined, { ...json, 'content-length': '0' })
    for (const answer of [nothing, empty, announced]) {
      expect([400, 415, 422]).toContain(answer.status)
      expectProblem(answer, answer.status, answer.body.code)
    }
  })

  test('a request that needs no body is answered without one', async () => {
    const answer = await world.call('POST', `/api/v1/users/${bruno.id}/unfreeze`, { token: operator.token })
    expect(answer.status).toBe(200)
  })
})

describe('an address that is none', () => {
  test('unknown', async () => {
    for (const path of [
      '/api/v1/nothing',
      '/api/v2/auth/login',
      '/',
      '/api/v1',
      '/.env',
      '/api/v1/wallet',
      '/wallet/x',
    ]) {
      expectProblem(await world.call('GET', path), 404, 'route_not_found')
    }
  })

  test('with another method: it says which it knows', async () => {
    for (const [method, path, allow] of [
      ['GET', TRANSFER, 'POST'],
      ['DELETE', '/api/v1/auth/login', 'POST'],
      ['GET', '/auth/login', 'POST'],
      ['PUT', '/api/v1/auth/profile', 'GET, PATCH'],
      ['POST', '/api/v1/wallet/me/balance', 'GET'],
      ['PATCH', VALIDATE, 'POST'],
      ['DELETE', '/health', 'GET'],
    ] as const) {
      const answer = await world.call(method, path, { token: amina.token })
      expectProblem(answer, 405, 'method_not_allowed')
      const allowed = answer.headers
        .get('allow')
        ?.split(', ')
        .filter((each) => each !== 'HEAD' && each !== 'OPTIONS')
      expect(allowed?.join(', ')).toBe(allow)
    }
  })
})

describe('an access token that is none of ours', () => {
  nothingMoves()

  const BALANCE = '/api/v1/wallet/me/balance'

  interface Forgery {
    header?: { alg?: string; typ?: string }
    claims?: Record<string, unknown>
    key?: Uint8Array | CryptoKey
  }

  /** A token as the instance would sign it, except for what the forgery says. A claim that is undefined is left out. */
  async function forge({ header = {}, claims = {}, key }: Forgery): Promise<string> {
    const { sid } = JSON.parse(Buffer.from(amina.token.split('.')[1] ?? '', 'base64url').toString())
    const now = Math.floor(world.clock() / 1000)
    const payload = {
      sid,
      role: 'customer',
      sub: amina.id,
      iss: 'kumbu',
      aud: 'kumbu-api',
      iat: now,
      exp: now + 900,
      ...claims,
    }
    return new SignJWT(JSON.parse(JSON.stringify(payload)))
      .setProtectedHeader({ alg: 'HS256', typ: 'at+jwt', ...header })
      .sign(key ?? world.runtime.keyring.derive('access-token'))
  }

  const get = (token: string) => world.call('GET', BALANCE, { token })

  test('one that is made as ours are is let in, so each refusal below has its one reason', async () => {
    expect((await get(await forge({}))).status).toBe(200)
  })

  const now = () => Math.floor(world.clock() / 1000)
  const forgeries: Record<string, () => Promise<string>> = {
    'signed with another key': () => forge({ key: new Uint8Array(32).fill(1) }),
    'signed with the key of another use': () => forge({ key: world.runtime.keyring.derive('setup-token') }),
    expired: () => forge({ claims: { iat: now() - 1_000, exp: now() - 1 } }),
    'expiring at this second': () => forge({ claims: { exp: now() } }),
    'not valid yet': () => forge({ claims: { nbf: now() + 60 } }),
    'without an expiry': () => forge({ claims: { exp: undefined } }),
    'without a session': () => forge({ claims: { sid: undefined } }),
    'of a session that is not there': () => forge({ claims: { sid: 'ses_00000000000000000000' } }),
    'without a person': () => forge({ claims: { sub: undefined } }),
    'for another audience': () => forge({ claims: { aud: 'another-api' } }),
    'without an audience': () => forge({ claims: { aud: undefined } }),
    'of another issuer': () => forge({ claims: { iss: 'https://evil.example' } }),
    'without an issuer': () => forge({ claims: { iss: undefined } }),
    'of another type': () => forge({ header: { typ: 'JWT' } }),
    'without a type': () => forge({ header: { typ: undefined as never } }),
    'with a role that is not there': () => forge({ claims: { role: 'god' } }),
    'with a role that every object has': () => forge({ claims: { role: 'constructor' } }),
    'signed with HS512': () => forge({ header: { alg: 'HS512' } }),
    'signed with HS384': () => forge({ header: { alg: 'HS384' } }),
    'signed with RS256': async () =>
      forge({ header: { alg: 'RS256' }, key: (await generateKeyPair('RS256')).privateKey }),
    'unsigned (alg none)': async () => {
      const [, payload] = (await forge({})).split('.')
      return `${Buffer.from('{"alg":"none","typ":"at+jwt"}').toString('base64url')}.${payload}.`
    },
    'with the signature cut off': async () => (await forge({})).split('.').slice(0, 2).join('.'),
    'with another payload under the signature': async () => {
      const [header, payload, signature] = (await forge({})).split('.')
      const claims = JSON.parse(Buffer.from(payload ?? '', 'base64url').toString())
      const changed = Buffer.from(JSON.stringify({ ...claims, sub: bruno.id })).toString('base64url')
      return `${header}.${changed}.${signature}`
    },
    'no token': async () => 'x.y.z',
  }
  for (const [name, make] of Object.entries(forgeries)) {
    test(name, async () => {
      const answer = await get(await make())
      expectProblem(answer, 401, 'unauthenticated')
      expect(answer.headers.get('www-authenticate')).toStartWith('Bearer')
    })
  }

  test('a refresh token, and other schemes', async () => {
    const { body } = await world.call('POST', '/api/v1/auth/login', {
      body: { email: bruno.email, password: PASSWORD },
    })
    expectProblem(await get(body.refreshToken), 401, 'unauthenticated')
    const basic = Buffer.from(`${amina.email}:${PASSWORD}`).toString('base64')
    for (const authorization of [`Basic ${basic}`, 'Bearer', 'Bearer ', amina.token, `Bearer ${amina.token} x`]) {
      expectProblem(await world.call('GET', BALANCE, { headers: { authorization } }), 401, 'unauthenticated')
    }
  })
})

describe('what belongs to another customer', () => {
  nothingMoves()

  test('the wallet', async () => {
    for (const [method, what, body] of [
      ['GET', 'balance', undefined],
      ['GET', 'transactions', undefined],
      ['POST', 'transfer', { to: amina.id, amount: 1, pin: PIN }],
    ] as const) {
      const path = `/api/v1/wallet/${bruno.id}/${what}`
      expectProblem(await world.call(method, path, { token: amina.token, body }), 403, 'not_your_wallet')
      expectProblem(
        await world.call(method, `/api/v1/wallet/${NOBODY}/${what}`, { token: amina.token, body }),
        403,
        'not_your_wallet',
      )
    }
  })

  test('a path that is no user id', async () => {
    for (const id of ['you', 'usr_1', '1', '%2e%2e', 'usr_%00']) {
      const answer = await world.call('GET', `/api/v1/wallet/${id}/balance`, { token: amina.token })
      expect([404, 422]).toContain(answer.status)
      expectProblem(answer, answer.status, answer.status === 404 ? 'route_not_found' : 'validation_failed')
    }
  })
})

test('another customer’s withdrawal is not there, and cannot be cancelled', async () => {
  const { id } = await requestToken()
  const before = await booksOf(world)

  expectProblem(
    await world.call('GET', `/api/v1/atm/withdrawals/${id}`, { token: bruno.token }),
    404,
    'withdrawal_not_found',
  )
  expectProblem(await post(`/api/v1/atm/withdrawals/${id}/cancel`, bruno, {}), 404, 'withdrawal_not_found')
  expect(await booksOf(world)).toEqual(before)
})

describe('names and notes that mean mischief', () => {
  nothingMoves()

  const register = (members: object): Promise<Answer> =>
    world.call('POST', '/api/v1/auth/register', {
      body: { name: 'Mallory', email: 'mallory@example.com', password: PASSWORD, ...members },
    })

  const mischief = {
    'a line break and a header': 'Mallory\r\nBcc: everybody@example.com',
    'a bare line feed': 'Mallory\nSet-Cookie: a=b',
    'a null character': 'Mall\u0000ory',
    'an escape sequence for terminals': '\u001b[2JMallory',
    'letters that run backwards': 'Mallory \u202egnp.exe',
    'a character without width': 'Mal\u200blory',
    'a line separator': 'Mallory\u2028Eve',
    'nothing but spaces': '   ',
    nothing: '',
    'more than a hundred characters': 'M'.repeat(101),
  }
  for (const [name, text] of Object.entries(mischief)) {
    test(`${name}: no name of a person`, async () => {
      expectProblem(await register({ name: text }), 422, 'validation_failed')
      expectProblem(
        await world.call('PATCH', '/api/v1/auth/profile', { token: amina.token, body: { name: text } }),
        422,
        'validation_failed',
      )
    })
  }

  test('half of a character is no name', async () => {
    expectProblem(await register({ name: 'Mallory \ud83d' }), 422, 'validation_failed')
  })

  test('addresses that smuggle headers or a second recipient', async () => {
    for (const email of [
      'mallory@example.com\r\nBcc: x@example.com',
      'mallory@example.com, everybody@example.com',
      'Mallory <mallory@example.com>',
      'mallory@example.com\u0000',
      '"mallory"@example.com',
      'mallory@example',
      'mallory@@example.com',
      '@example.com',
    ]) {
      expectProblem(await register({ email }), 422, 'validation_failed')
    }
  })

  test('a note with a line break or an escape sequence', async () => {
    for (const note of ['a\r\nb', '\u001b[31m', '', 'n'.repeat(141), '\u202e']) {
      expectProblem(await transfer({ note }), 422, 'validation_failed')
    }
  })

  test('markup in a name is only text, on the page of messages too', async () => {
    const mischief = { name: '<script>alert(1)</script>', email: 'markup@example.com', password: PASSWORD }
    await world.app.identity.people.create({ ...mischief, role: 'customer' }, 'system')
    await world.mailTo('markup@example.com')

    const page = await world.call('GET', '/dev/inbox?to=markup@example.com', { headers: { accept: 'text/html' } })

    expect(page.body).toContain('Hello &lt;script&gt;alert(1)&lt;/script&gt;,')
    expect(page.body).not.toContain('<script>')
  })

  test('a request id that is no plain word is replaced, not echoed', async () => {
    for (const id of ['<script>', 'a b', 'x'.repeat(65), 'ü']) {
      const answer = await world.call('GET', '/health', { headers: { 'x-request-id': id } })
      expect(answer.headers.get('x-request-id')).toMatch(/^req_[0-9a-z]{20}$/)
    }
    const kept = await world.call('GET', '/health', { headers: { 'x-request-id': 'till-7:42' } })
    expect(kept.headers.get('x-request-id')).toBe('till-7:42')
  })

  test('what was sent as a secret is not said back', async () => {
    const answer = await register({ password: 'short', code: '123456' })
    expectProblem(answer, 422, 'validation_failed')
    expect(JSON.stringify(answer.body)).not.toContain('short')
    expect(JSON.stringify(answer.body)).not.toContain('123456')
  })
})
