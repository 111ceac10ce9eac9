/** The whole story of a customer, an agent, an ATM and an operator, told over HTTP from registration to the cash. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import QRCode from 'qrcode'
import { createWorld, PASSWORD, type Person, PIN, type World } from '../support/world'
import { expectCleanBooks, expectProblem } from './answers'

const EMAIL = 'amina@example.com'

let world: World
let operator: Person
let agent: Person
let atm: Person
/** The customer, who is not there before she registers. */
const amina = { id: '', token: '' }

beforeAll(async () => {
  world = await createWorld()
  ;[operator, agent, atm] = (await Promise.all([
    world.person('operator', 'Olga Operator'),
    world.person('agent', 'Loja do João'),
    world.person('atm', 'ATM Baixa'),
  ])) as [Person, Person, Person]
})

afterAll(async () => {
  await expectCleanBooks(world)
  await world.end()
})

const till = async (who: Person) => (await world.call('GET', '/api/v1/agents/me', { token: who.token })).body
const balance = async () => (await world.call('GET', '/api/v1/wallet/me/balance', { token: amina.token })).body
const subjects = async (email: string) => (await world.mailTo(email)).map(({ subject }) => subject)

async function feesEarned(): Promise<number> {
  const { body } = await world.call('GET', '/api/v1/ledger/totals', { token: operator.token })
  return body.items.find(({ kind }: { kind: string }) => kind === 'fees')?.balance ?? 0
}

async function request(amount: number) {
  const answer = await world.call('POST', '/api/v1/atm/withdrawal-request', {
    token: amina.token,
    body: { amount, pin: PIN },
  })
  expect(answer.status).toBe(201)
  return answer.body
}

describe('a customer joins', () => {
  test('she registers and is told nothing but that her address waits to be confirmed', async () => {
    const { status, body } = await world.call('POST', '/api/v1/auth/register', {
      body: { name: 'Amina Macuácua', email: EMAIL, phone: '+258 84 123 4567', password: PASSWORD },
    })

    expect(status).toBe(201)
    expect(body).toEqual({ user: { id: expect.stringMatching(/^usr_[0-9a-z]{20}$/), status: 'pending_verification' } })
  })

  test('she cannot sign in before she has confirmed her address', async () => {
    const answer = await world.call('POST', '/api/v1/auth/login', { body: { email: EMAIL, password: PASSWORD } })

    expectProblem(answer, 403, 'account_pending')
  })

  test('the code from the mail confirms it, signs her in, and a welcome arrives', async () => {
    const [mail] = await world.mailTo(EMAIL)
    const code = /\b\d{6}\b/.exec(mail?.text ?? '')?.[0]

    const { status, body } = await world.call('POST', '/api/v1/auth/verify-email', { body: { email: EMAIL, code } })

    expect(status).toBe(200)
    expect(body.user).toMatchObject({ status: 'active', role: 'customer', phone: '+258841234567', pinSet: false })
    expect(body.expiresIn).toBe(900)
    amina.id = body.user.id
    amina.token = body.accessToken
    expect(await subjects(EMAIL)).toEqual(['Welcome to Kumbu', `${code} is your Kumbu code`])
  })

  test('she chooses a PIN', async () => {
    const { status } = await world.call('PUT', '/api/v1/auth/pin', {
      token: amina.token,
      body: { pin: PIN, password: PASSWORD },
    })

    expect(status).toBe(204)
    const { body } = await world.call('GET', '/api/v1/auth/profile', { token: amina.token })
    expect(body.pinSet).toBe(true)
  })

  test('her wallet is empty', async () => {
    expect(await balance()).toMatchObject({ userId: amina.id, currency: 'USD', balance: 0, available: 0, held: 0 })
  })
})

describe('money comes in', () => {
  test('the operator issues float to the agent, who is told of it', async () => {
    const { status, body } = await world.call('POST', `/api/v1/agents/${agent.id}/float`, {
      token: operator.token,
      body: { amount: 1_000_000 },
    })

    expect(status).toBe(201)
    expect(body).toMatchObject({ agentId: agent.id, amount: 1_000_000, currency: 'USD', balance: 1_000_000 })
    expect(await till(agent)).toMatchObject({ float: 1_000_000, commission: 0, name: 'Loja do João' })
    expect((await subjects(agent.email))[0]).toBe('Your float grew by USD 10,000.00')
  })

  test('the agent takes her cash and credits her by her phone number', async () => {
    const { status, body } = await world.call('POST', '/api/v1/agents/me/cash-in', {
      token: agent.token,
      body: { to: '+258 84 123 4567', amount: 20_000 },
    })

    expect(status).toBe(201)
    expect(body).toMatchObject({ to: amina.id, customer: { name: 'Amina Macuácua' }, fee: 0, balance: 980_000 })
    expect(await balance()).toMatchObject({ balance: 20_000, available: 20_000, held: 0 })
    expect((await subjects(EMAIL))[0]).toBe('You received USD 200.00')
  })
})

describe('she takes cash at the till, reading her token out', () => {
  let withdrawal: { id: string; token: string; qr: { data: string; svg: string; png: string } }

  test('the amount and its fee are held at once', async () => {
    const made = await request(5_000)

    expect(made).toMatchObject({ amount: 5_000, fee: 50, currency: 'USD', status: 'requested' })
    expect(made.id).toMatch(/^wdr_/)
    expect(made.token).toMatch(/^\d{10}$/)
    expect(made.expiresAt).toBe(new Date(world.clock() + 900_000).toISOString())
    expect(await balance()).toMatchObject({ balance: 20_000, available: 14_950, held: 5_050 })
    withdrawal = made
  })

  test('the QR code holds the token, and its two pictures are that code', () => {
    const { data, svg, png } = withdrawal.qr
    const { modules } = QRCode.create(data, { errorCorrectionLevel: 'M' })
    const dark = [...modules.data].map(Number)

    expect(data).toBe(`KUMBU:W:${withdrawal.token}`)
    expect(svg.startsWith('<svg')).toBe(true)
    expect(svg.trimEnd().endsWith('</svg>')).toBe(true)
    expect(modulesOfSvg(svg, modules.size)).toEqual(dark)
    expect(png).toStartWith('data:image/png;base64,')
    const bytes = Buffer.from(png.slice('data:image/png;base64,'.length), 'base64')
    expect([...bytes.subarray(0, 8)]).toEqual([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])
    expect(bytes.subarray(12, 16).toString()).toBe('IHDR')
    // Eight dots a module, and four modules of quiet zone on each side.
    expect(bytes.readUInt32BE(16)).toBe((modules.size + 8) * 8)
    expect(bytes.subarray(-8, -4).toString()).toBe('IEND')
  })

  test('the mail about it tells the sum that is held, and not the token', async () => {
    const [mail] = await world.mailTo(EMAIL)

    expect(mail?.subject).toBe('A withdrawal of USD 50.00 is waiting for you')
    expect(mail?.text).toContain('USD 50.50 is held')
    expect(mail?.text).not.toContain(withdrawal.token)
  })

  test('the agent validates the token: float, fee and commission to the cent', async () => {
    const spoken = `${withdrawal.token.slice(0, 3)} ${withdrawal.token.slice(3, 6)}-${withdrawal.token.slice(6)}`

    const { status, body } = await world.call('POST', '/api/v1/atm/validate-token', {
      token: agent.token,
      body: { token: spoken },
    })

    expect(status).toBe(200)
    expect(body).toMatchObject({
      id: withdrawal.id,
      status: 'paid',
      amount: 5_000,
      currency: 'USD',
      customer: { name: 'Amina Macuácua' },
      commission: 25,
    })
    expect(await till(agent)).toMatchObject({ float: 985_000, commission: 25 })
    expect(await feesEarned()).toBe(25)
    expect(await balance()).toMatchObject({ balance: 14_950, available: 14_950, held: 0 })
  })

  test('both sides are told by mail', async () => {
    const [hers] = await world.mailTo(EMAIL)
    const [his] = await world.mailTo(agent.email)

    expect(hers?.subject).toBe('You withdrew USD 50.00')
    expect(hers?.text).toContain('Loja do João paid you USD 50.00 in cash.')
    expect(hers?.text).toContain('The fee was USD 0.50.')
    expect(his?.subject).toBe('You paid out USD 50.00')
    expect(his?.text).toContain('to Amina Macuácua')
    expect(his?.text).toContain('Your commission was USD 0.25.')
  })

  test('her statement shows one row for each movement with its running balance', async () => {
    const { body } = await world.call('GET', '/api/v1/wallet/me/transactions', { token: amina.token })

    expect(body.nextCursor).toBeNull()
    expect(body.items).toMatchObject([
      { type: 'withdrawal', amount: -5_050, fee: 50, balance: 14_950 },
      { type: 'deposit', amount: 20_000, fee: 0, balance: 20_000 },
    ])
  })
})

describe('she takes cash at the till, showing her QR code', () => {
  test('what the scanner reads pays like the token', async () => {
    const { qr } = await request(999)
    const before = await till(agent)

    const { status, body } = await world.call('POST', '/api/v1/atm/validate-token', {
      token: agent.token,
      body: { token: qr.data },
    })

    // 1 % of 9.99 is 0.0999, so 10 cents, of which the agent has half.
    expect(status).toBe(200)
    expect(body).toMatchObject({ status: 'paid', amount: 999, commission: 5 })
    expect(await till(agent)).toMatchObject({ float: before.float + 999, commission: before.commission + 5 })
    expect(await feesEarned()).toBe(30)
    expect(await balance()).toMatchObject({ balance: 14_950 - 1_009, held: 0 })
  })
})

describe('she takes cash at an ATM whose dispenser fails', () => {
  test('the ATM pays and earns no commission', async () => {
    const { token, id } = await request(2_000)
    const before = await balance()
    const earned = await feesEarned()

    const paid = await world.call('POST', '/api/v1/atm/validate-token', { token: atm.token, body: { token } })

    expect(paid.status).toBe(200)
    expect(paid.body).toMatchObject({ id, amount: 2_000, commission: 0 })
    expect(await till(atm)).toMatchObject({ float: 2_000, commission: 0 })
    expect(await feesEarned()).toBe(earned + 20)
    expect(await balance()).toMatchObject({ balance: before.balance - 2_020, held: 0 })
  })

  test('it reverses the payment: the customer has all back, the fee included, and is told', async () => {
    const list = await world.call('GET', '/api/v1/atm/withdrawals', { token: amina.token })
    const { id } = list.body.items[0]

    const reversed = await world.call('POST', `/api/v1/atm/withdrawals/${id}/reverse`, { token: atm.token })

    expect(reversed.status).toBe(200)
    expect(reversed.body).toMatchObject({ id, status: 'reversed' })
    expect(await till(atm)).toMatchObject({ float: 0, commission: 0 })
    expect(await feesEarned()).toBe(30)
    expect(await balance()).toMatchObject({ balance: 13_941, available: 13_941, held: 0 })
    const mail = (await world.mailTo(EMAIL)).find(({ subject }) => subject === 'Your withdrawal was reversed')
    expect(mail?.text).toContain('USD 20.20')
    const { body } = await world.call('GET', '/api/v1/wallet/me/transactions?limit=2', { token: amina.token })
    expect(body.items[0]).toMatchObject({ type: 'reversal', amount: 2_020, reversalOf: body.items[1].id })
  })
})

test('at the end the books balance: what is issued is what the trust account holds', async () => {
  const { body } = await world.call('GET', '/api/v1/ledger/totals', { token: operator.token })
  const kinds = Object.fromEntries(
    body.items.map(({ kind, balance }: { kind: string; balance: number }) => [kind, balance]),
  )

  expect(kinds).toMatchObject({ customer: 13_941, float: 985_999, commission: 30, fees: 30, trust: -1_000_000 })
  await expectCleanBooks(world)
})

/** The dark modules of a QR code drawn as horizontal strokes, row by row, without the quiet zone of four. */
function modulesOfSvg(svg: string, size: number): number[] {
  const dark = Array.from({ length: size * size }, () => 0)
  let x = 0
  let y = 0
  for (const [, command, numbers = ''] of svg
    .slice(svg.indexOf('stroke="#000000"'))
    .matchAll(/([Mmh])([-\d. ]+)(?=[Mmh"])/g)) {
    const [a = 0, b = 0] = numbers.trim().split(/\s+/).map(Number)
    if (command === 'M') [x, y] = [a, b]
    if (command === 'm') [x, y] = [x + a, y + b]
    if (command !== 'h') continue
    for (let i = 0; i < a; i++) dark[(Math.floor(y) - 4) * size + (x - 4) + i] = 1
    x += a
  }
  return dark
}
