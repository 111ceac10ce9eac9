/** What docs/roles.md says that each role may do, compared with what the API lets it do. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { openIdScopes, type Role, roles, scopes } from '../../src/modules/identity'
import { placeOf } from '../modules/appointments/place'
import { createWorld, PASSWORD, type Person, PIN, type World } from '../support/world'
import { expectProblem } from './answers'
import { knock, oneOfEachRole, passingToken, roleNames, type StatedRoute, statedRoutes } from './walk'

const DOCUMENT = readFileSync(join(import.meta.dir, '../../docs/roles.md'), 'utf8')
const MARK = '●'
const ANYBODY = 'anybody'
/** All that a session may do that waits for its second factor. */
const ENROLMENT = ['profile:read', 'profile:factors']

interface Table {
  header: string[]
  rows: string[][]
}

/** The table of the document whose first column has this name. */
function tableOf(first: string): Table {
  const lines = DOCUMENT.split('\n')
  const start = lines.findIndex((line) => cellsOf(line)[0] === first)
  const end = lines.findIndex((line, i) => i > start && !line.startsWith('|'))
  const [header = [], , ...rows] = lines.slice(start, end).map(cellsOf)
  return { header, rows }
}

const cellsOf = (line: string) =>
  line
    .split('|')
    .slice(1, -1)
    .map((cell) => cell.trim())
const bare = (cell: string) => cell.replaceAll('`', '')

const routeTable = tableOf('Route')
const scopeTable = tableOf('Scope')

let world: World
let people: Record<Role, Person>

beforeAll(async () => {
  world = await createWorld()
  people = await oneOfEachRole(world)
})
afterAll(() => world.end())

const routes = () => statedRoutes(world).filter(({ hidden }) => !hidden)
const nameOf = ({ method, path }: StatedRoute) => `${method} ${path.replaceAll(/:(\w+)/g, '{$1}')}`
const guarded = () => routes().filter(({ scopes: needed }) => needed !== 'public')

function documented(route: StatedRoute): string[] {
  const row = routeTable.rows.find(([name = '']) => bare(name) === nameOf(route))
  if (!row) throw new Error(`docs/roles.md has no row for ${nameOf(route)}`)
  return row
}

/** Whether the route lets this token in; what it then thinks of the empty request is another matter. */
async function letsIn(route: StatedRoute, token: string | undefined): Promise<boolean> {
  const { body } = await knock(world, route, token)
  return !['unauthenticated', 'insufficient_scope', 'second_factor_required'].includes(body?.code)
}

describe('the table of routes', () => {
  test('has a column for each role', () => {
    expect(routeTable.header).toEqual(['Route', 'Scopes', ...roleNames])
  })

  test('has a row for each route, in the order of the API, and no other', () => {
    expect(routeTable.rows.map(([name = '']) => bare(name))).toEqual(routes().map(nameOf))
  })

  test('has in each cell a mark or nothing', () => {
    const cells = routeTable.rows.flatMap((row) => row.slice(2))
    expect(cells.length).toBe(routes().length * roleNames.length)
    expect(new Set(cells)).toEqual(new Set([MARK, '']))
  })

  test('names the scopes that each route needs', () => {
    for (const route of routes()) {
      const needed = route.scopes === 'public' ? ANYBODY : (route.scopes ?? []).join(' ')
      expect([nameOf(route), bare(documented(route)[1] ?? '')]).toEqual([nameOf(route), needed])
    }
  })

  test('says of no route that anybody may call it who then is asked for a token', async () => {
    for (const route of routes()) {
      const open = documented(route)[1] === ANYBODY
      expect([nameOf(route), await letsIn(route, undefined)]).toEqual([nameOf(route), open])
    }
  })

  test.each(roleNames)('marks what the API lets %s do, and nothing else', async (role) => {
    const column = routeTable.header.indexOf(role)
    for (const route of routes()) {
      const marked = documented(route)[column] === MARK
      const token = await passingToken(world, people[role])
      expect([nameOf(route), await letsIn(route, token)]).toEqual([nameOf(route), marked])
    }
  })

  test.each(roleNames)('marks for %s what its scopes allow', (role) => {
    const column = routeTable.header.indexOf(role)
    const granted: readonly string[] = roles[role]
    for (const row of routeTable.rows) {
      const needed = row[1] === ANYBODY ? [] : bare(row[1] ?? '').split(' ')
      const has = needed.every((scope) => granted.includes(scope))
      expect([row[0], row[column] === MARK]).toEqual([row[0], has])
    }
  })
})

describe('the tables of roles and scopes', () => {
  test('have a row for each role', () => {
    expect(
      tableOf('Role')
        .rows.map(([name = '']) => bare(name))
        .sort(),
    ).toEqual([...roleNames].sort())
  })

  test('have a row for each scope, with the words in which consent is asked for', () => {
    const rows = scopeTable.rows.map(([name = '', words = '']) => [bare(name), words])
    expect(rows).toEqual(Object.entries({ ...scopes, ...openIdScopes }))
  })

  const grantable = (column: string) => {
    const at = scopeTable.header.indexOf(column)
    return scopeTable.rows.filter((row) => row[at] === MARK).map(([name = '']) => bare(name))
  }

  /** A token of the role that has just signed in. */
  const freshToken = (role: Role) => world.signIn(people[role].email)

  test('mark what a key can have: each scope of a role but those for its own hands, and none of another role', async () => {
    const allowed = grantable('Key')
    for (const role of roleNames) {
      if (!(roles[role] as readonly string[]).includes('profile:security')) continue
      const token = await freshToken(role)
      for (const scope of [...Object.keys(scopes), ...Object.keys(openIdScopes), 'everything']) {
        const body = { name: 'Script', scopes: [scope] }
        const { status, body: answer } = await world.call('POST', '/api/v1/auth/api-keys', { token, body })
        const may = allowed.includes(scope) && (roles[role] as readonly string[]).includes(scope)
        expect([role, scope, status]).toEqual([role, scope, may ? 201 : 422])
        if (!may) expect(answer.code).toBe('scope_not_grantable')
      }
    }
  })

  test('mark what an application can be registered for', async () => {
    const token = await freshToken('operator')
    const allowed = grantable('Application')
    for (const scope of [...Object.keys(scopes), ...Object.keys(openIdScopes), 'everything']) {
      const body = {
        name: 'Shop',
        isPublic: true,
        grants: ['authorization_code'],
        redirectUris: ['https://shop.example/back'],
        scopes: [scope],
      }
      const { status } = await world.call('POST', '/api/v1/oauth/clients', { token, body })
      expect([scope, status === 201]).toEqual([scope, allowed.includes(scope)])
    }
  })

  test('a key lets in to the routes of its scopes, and to no other', async () => {
    const token = await freshToken('operator')
    for (const scope of grantable('Key').filter((each) => (roles.operator as readonly string[]).includes(each))) {
      const body = { name: 'Script', scopes: [scope] }
      const { key } = (await world.call('POST', '/api/v1/auth/api-keys', { token, body })).body
      for (const route of guarded()) {
        const fits = (route.scopes as string[]).every((each) => each === scope)
        expect([scope, nameOf(route), await letsIn(route, key)]).toEqual([scope, nameOf(route), fits])
      }
    }
  })
})

describe('a restricted session', () => {
  test('has the scopes that the document names', () => {
    const words = ENROLMENT.map((scope) => `\`${scope}\``).join(' and ')
    expect(DOCUMENT.replaceAll(/\s+/g, ' ')).toContain(`has ${words} and nothing else`)
  })

  test.each(['operator', 'agent', 'teller', 'support', 'auditor'] as const)(
    'of %s may set up a second factor, and is refused everything else',
    async (role) => {
      for (const route of guarded()) {
        const needed = route.scopes as string[]
        const token = await passingToken(world, people[role], true)
        const answer = await knock(world, route, token)
        const may = needed.every((scope) => ENROLMENT.includes(scope))
        const refused = answer.body?.code === 'second_factor_required'
        expect([nameOf(route), refused]).toEqual([nameOf(route), !may])
        if (refused) expectProblem(answer, 403, 'second_factor_required')
      }
    },
  )
})

describe('whose it is', () => {
  const freeze = (token: string, id: string) => world.call('POST', `/api/v1/users/${id}/freeze`, { token })
  const unfreeze = (token: string, id: string) => world.call('POST', `/api/v1/users/${id}/unfreeze`, { token })
  const tokenOf = async (role: Role) => passingToken(world, people[role])

  test.each(['customer', 'agent', 'biller', 'atm'] as const)('%s sees their own wallet, and no other', async (role) => {
    const other = await world.customer(1_000)
    const token = await tokenOf(role)
    for (const what of ['balance', 'transactions'])
      expectProblem(await world.call('GET', `/api/v1/wallet/${other.id}/${what}`, { token }), 403, 'not_your_wallet')
    const own = await world.call('GET', `/api/v1/wallet/${people[role].id}/transactions`, { token })
    expect(own.status).toBe(200)
  })

  test('nobody sends from another’s wallet', async () => {
    const other = await world.customer(1_000)
    for (const role of ['customer', 'agent'] as const) {
      const body = { to: people.customer.id, amount: 100, pin: PIN }
      const path = `/api/v1/wallet/${other.id}/transfer`
      expectProblem(await world.call('POST', path, { token: await tokenOf(role), body }), 403, 'not_your_wallet')
    }
  })

  test('a withdrawal is there for who asked for it and for who paid it', async () => {
    const [asker, payer] = [await world.customer(10_000), await world.agent(10_000)]
    const body = { amount: 1_000, pin: PIN }
    const asked = await world.call('POST', '/api/v1/atm/withdrawal-request', { token: asker.token, body })
    const token = { token: asked.body.token }
    expect((await world.call('POST', '/api/v1/atm/validate-token', { token: payer.token, body: token })).status).toBe(
      200,
    )
    const path = `/api/v1/atm/withdrawals/${asked.body.id}`
    for (const person of [asker, payer])
      expect((await world.call('GET', path, { token: person.token })).status).toBe(200)
    for (const role of ['customer', 'agent', 'teller', 'atm'] as const)
      expectProblem(await world.call('GET', path, { token: await tokenOf(role) }), 404, 'withdrawal_not_found')
  })

  test('a teller works with the float of their agent, until the agent is frozen', async () => {
    const teller = await world.person('teller')
    const { agentId } = await world.app.identity.known(teller.id)
    await world.issueFloat(agentId as string, 5_000)
    const till = () => world.call('GET', '/api/v1/agents/me', { token: teller.token })
    expect((await till()).body).toMatchObject({ float: 5_000 })
    const body = { to: people.customer.id, amount: 2_000 }
    expect((await world.call('POST', '/api/v1/agents/me/cash-in', { token: teller.token, body })).status).toBe(201)
    expect((await till()).body).toMatchObject({ float: 3_000 })
    expect((await freeze(await tokenOf('operator'), agentId as string)).status).toBe(200)
    expectProblem(await till(), 403, 'till_closed')
  })

  test('an agent lets tellers in, sees them, stops them and lets them work again, and no other agent’s', async () => {
    const agent = await world.agent(0)
    const token = await passingToken(world, agent)
    const body = { name: 'Tomás', email: 'tomas@example.com', password: PASSWORD }
    const made = await world.call('POST', '/api/v1/agents/me/tellers', { token, body })
    const listed = await world.call('GET', '/api/v1/agents/me/tellers', { token })
    const [teller] = listed.body.items
    const at = (what: string, by: string) =>
      world.call('POST', `/api/v1/agents/me/tellers/${teller.id}/${what}`, { token: by })
    const stranger = await tokenOf('agent')
    expect((await world.call('GET', '/api/v1/agents/me/tellers', { token: stranger })).body).toEqual({ items: [] })
    for (const what of ['stop', 'resume']) expectProblem(await at(what, stranger), 404, 'teller_not_found')
    const [stopped, resumed] = [await at('stop', token), await at('resume', token)]
    expect([made.status, listed.status, stopped.status, resumed.status]).toEqual([201, 200, 200, 200])
    expect([stopped.body.status, resumed.body.status]).toEqual(['frozen', 'active'])
  })

  test.each(['operator', 'support'] as const)(
    'an agent does not let a teller work again whom %s froze',
    async (role) => {
      for (const stoppedBefore of [false, true]) {
        const teller = await world.person('teller')
        const { agentId } = await world.app.identity.known(teller.id)
        const token = await passingToken(world, { id: agentId as string })
        const path = `/api/v1/agents/me/tellers/${teller.id}`
        if (stoppedBefore) expect((await world.call('POST', `${path}/stop`, { token })).status).toBe(200)
        expect((await freeze(await tokenOf(role), teller.id)).status).toBe(200)
        const { status, body } = await world.call('POST', `${path}/resume`, { token })
        expect([stoppedBefore, status, body.code]).toEqual([stoppedBefore, 403, 'teller_frozen'])
        expect((await world.app.identity.known(teller.id)).status).toBe('frozen')
      }
    },
  )

  test('support freezes everybody but staff; an operator freezes them too', async () => {
    const support = await tokenOf('support')
    for (const role of roleNames) {
      const person = await world.person(role)
      const isStaff = ['operator', 'support', 'auditor'].includes(role)
      const answer = await freeze(support, person.id)
      if (isStaff) expectProblem(answer, 403, 'role_protected')
      else expect([role, answer.status]).toEqual([role, 200])
      expect((await freeze(await tokenOf('operator'), person.id)).status).toBe(200)
    }
  })

  test('only an operator unfreezes', async () => {
    const person = await world.person('customer')
    await freeze(await tokenOf('support'), person.id)
    for (const role of roleNames.filter((each) => each !== 'operator'))
      expectProblem(await unfreeze(await tokenOf(role), person.id), 403, 'insufficient_scope')
    expect((await unfreeze(await tokenOf('operator'), person.id)).status).toBe(200)
    const body = { email: person.email, password: PASSWORD }
    expect((await world.call('POST', '/api/v1/auth/login', { body })).status).toBe(200)
  })

  test('nobody freezes themselves', async () => {
    for (const role of ['operator', 'support'] as const)
      expectProblem(await freeze(await tokenOf(role), people[role].id), 403, 'role_protected')
  })

  test('sessions, devices, keys and applications of others do not exist', async () => {
    const mine = await world.signIn(people.customer.email)
    const theirs = await world.signIn(people.agent.email)
    const { items } = (await world.call('GET', '/api/v1/auth/sessions', { token: theirs })).body
    const devices = (await world.call('GET', '/api/v1/auth/devices', { token: theirs })).body.items
    const body = { name: 'Script', scopes: ['wallet:read'] }
    const key = (await world.call('POST', '/api/v1/auth/api-keys', { token: theirs, body })).body
    for (const [path, code] of [
      [`/auth/sessions/${items[0].id}`, 'session_not_found'],
      [`/auth/devices/${devices[0].id}`, 'device_not_found'],
      [`/auth/api-keys/${key.id}`, 'api_key_not_found'],
    ] as const)
      expectProblem(await world.call('DELETE', `/api/v1${path}`, { token: mine }), 404, code)
    expect((await world.call('GET', '/api/v1/wallet/me/transactions', { token: key.key })).status).toBe(200)
  })

  test('an inbox, and what messages are pushed to, is its person’s alone', async () => {
    const payer = await world.customer(10_000)
    const body = { to: people.customer.id, amount: 100, pin: PIN }
    expect((await world.call('POST', '/api/v1/wallet/me/transfer', { token: payer.token, body })).status).toBe(201)
    await world.app.settle()
    const payers = (await world.call('GET', '/api/v1/notifications/inbox', { token: payer.token })).body.items
    const [own] = payers.filter(({ template }: { template: string }) => template === 'money_sent')
    const phone = { token: 'a-registration-token-of-somebody' }
    const device = await world.call('POST', '/api/v1/notifications/devices/phones', { token: payer.token, body: phone })
    const read = `/api/v1/notifications/inbox/${own.id}/read`
    const remove = `/api/v1/notifications/devices/${device.body.id}`
    for (const role of roleNames.filter((each) => (roles[each] as readonly string[]).includes('notifications:own'))) {
      const token = await tokenOf(role)
      expectProblem(await world.call('POST', read, { token, body: {} }), 404, 'notification_not_found')
      expectProblem(await world.call('DELETE', remove, { token }), 404, 'target_not_found')
      expect((await world.call('GET', '/api/v1/notifications/devices', { token })).body).toEqual({ items: [] })
      const { items } = (await world.call('GET', '/api/v1/notifications/inbox', { token })).body
      expect(items.map(({ id }: { id: string }) => id)).not.toContain(own.id)
    }
    expect((await world.call('POST', read, { token: payer.token, body: {} })).body.id).toBe(own.id)
    expect((await world.call('DELETE', remove, { token: payer.token })).status).toBe(204)
  })

  test('whoever reads what was sent sees no address, no code and no link', async () => {
    const { email } = people.customer
    await world.call('POST', '/api/v1/auth/forgot-password', { body: { email } })
    const [mail] = await world.mailTo(email)
    const token = /token=([\w-]+)/.exec(mail?.text ?? '')?.[1] as string
    for (const role of ['support', 'operator', 'auditor'] as const) {
      const by = await tokenOf(role)
      const path = '/api/v1/notifications/messages'
      const { items } = (
        await world.call('GET', `${path}?to=${people.customer.id}&template=password_reset`, { token: by })
      ).body
      const { status, body } = await world.call('GET', `${path}/${items[0].id}`, { token: by })
      expect([role, status, body.status]).toEqual([role, 200, 'accepted'])
      for (const secret of [token, email]) expect(JSON.stringify(body)).not.toContain(secret)
    }
    const inbox = (await world.call('GET', '/api/v1/notifications/inbox', { token: await tokenOf('customer') })).body
    expect(inbox.items.map(({ template }: { template: string }) => template)).not.toContain('password_reset')
  })

  test('an appointment is its customer’s, the member of staff’s whom it is booked with, support’s and operators’', async () => {
    const place = placeOf(world)
    const agent = await world.agent(0)
    const serviceId = await place.service()
    const staffId = await place.member([serviceId], { userId: agent.id })
    const { id } = await place.booked(people.customer, serviceId, '2026-11-26T09:00')
    const at = async (path: string, role: Role) =>
      world.call('GET', `/api/v1/appointments${path}`, { token: await tokenOf(role) })

    expect((await at(`/${id}`, 'customer')).status).toBe(200)
    expectProblem(await at(`/${id}`, 'agent'), 404, 'appointment_not_found')
    for (const role of ['support', 'operator'] as const) expect((await at(`/desk/${id}`, role)).status).toBe(200)
    for (const role of ['agent', 'teller'] as const)
      expectProblem(await at(`/desk/${id}`, role), 404, 'appointment_not_found')
    const own = await world.call('GET', `/api/v1/appointments/desk/${id}`, { token: agent.token })
    expect([own.status, own.body.customer.id]).toEqual([200, people.customer.id])

    const feed = `/api/v1/appointments/staff/${staffId}/feed`
    for (const [by, status] of [
      [await tokenOf('agent'), 404],
      [await tokenOf('teller'), 404],
      [await tokenOf('support'), 201],
      [await tokenOf('operator'), 201],
      [agent.token, 201],
    ] as const)
      expect((await world.call('POST', feed, { token: by, body: {} })).status).toBe(status)
    expectProblem(await world.call('DELETE', feed, { token: await tokenOf('agent') }), 404, 'staff_not_found')
    const body = { serviceId, startsAt: '2026-11-26T10:00' }
    const withThemselves = await world.call('POST', '/api/v1/appointments', { token: agent.token, body })
    expectProblem(withThemselves, 403, 'own_service')
  })
})
