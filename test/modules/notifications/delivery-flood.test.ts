/** Two thousand messages at once, by a mail server that fails at random: each arrives once, or is dead and can be seen. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import type { Socket } from 'node:net'
import { SMTPServer } from 'smtp-server'
import { deliveries } from '../../../src/modules/notifications/schema'
import { count } from '../../../src/platform/db/dialect'
import { createWorld, type Person, type World } from '../../support/world'

const MESSAGES = 2_000
const PEOPLE = 20
const SEED = 20_261_124

/** Mulberry32, so that a failure can be seen again. */
function randomFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

const refusal = (responseCode: number, text: string) => Object.assign(new Error(text), { responseCode })

/** Refuses for good, for now, for itself, hangs up, and takes; by chance. */
async function createMoodyServer() {
  const random = randomFrom(SEED)
  const taken: string[] = []
  const refused = new Set<string>()
  const sockets = new Map<number, Socket>()
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['AUTH', 'STARTTLS'],
    closeTimeout: 1,
    onRcptTo(_address, _session, callback) {
      const chance = random()
      if (chance < 0.05) return callback(refusal(451, '4.7.1 Try again later'))
      if (chance < 0.08) return callback(refusal(421, '4.3.2 Closing'))
      callback()
    },
    onData(stream, { remotePort }, callback) {
      const parts: Buffer[] = []
      stream.on('data', (part: Buffer) => parts.push(part))
      stream.on('end', () => {
        const raw = Buffer.concat(parts).toString('utf8')
        const id = /^Message-ID: (<[^>]+>)/im.exec(raw)?.[1] ?? ''
        const chance = random()
        if (chance < 0.05) return callback(refusal(452, '4.3.1 Full'))
        if (chance < 0.07) return void sockets.get(remotePort)?.destroy()
        if (chance < 0.09) {
          refused.add(id)
          return callback(refusal(554, '5.6.0 Not this one'))
        }
        taken.push(id)
        callback()
      })
    },
  })
  server.on('error', () => {})
  server.server.on('connection', (socket: Socket) => {
    sockets.set(socket.remotePort ?? 0, socket)
    socket.on('error', () => {})
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()))
  const address = server.server.address()
  const port = typeof address === 'object' && address ? address.port : 0
  return { port, taken, refused, stop: () => new Promise<void>((resolve) => server.close(() => resolve())) }
}

let server: Awaited<ReturnType<typeof createMoodyServer>>
let world: World
let people: Person[]
let operator: Person

beforeAll(async () => {
  server = await createMoodyServer()
  world = await createWorld({
    mode: 'production',
    'public-url': 'https://kumbu.example',
    'smtp-url': `smtp://127.0.0.1:${server.port}`,
    'mail-from': 'no-reply@kumbu.example',
    'messages-per-hour': '10000',
  })
  operator = await world.person('operator')
  people = []
  for (let i = 0; i < PEOPLE; i += 1) people.push(await world.person('customer'))
  await until(async () => (await waiting()) === 0)
  for (const { id } of people) await world.app.notifications.inbox.readAll(id)
  server.taken.length = 0
  server.refused.clear()
})
afterAll(async () => {
  await world.end()
  await server.stop()
})

async function waiting(): Promise<number> {
  const rows = await world.runtime.store.read
    .select({ state: deliveries.state, n: count() })
    .from(deliveries)
    .groupBy(deliveries.state)
  return rows.find(({ state }) => state === 'waiting')?.n ?? 0
}

/** Lets time go by until it holds. */
async function until(holds: () => Promise<boolean>) {
  for (let i = 0; i < 300; i += 1) {
    await world.app.settle()
    if (await holds()) return
    world.clock.advance(20_000)
  }
  throw new Error('It did not come to an end.')
}

test(`${MESSAGES} messages each arrive once or are dead; figures and inboxes add up`, async () => {
  world.clock.advance(60_000)
  const from = new Date(world.clock()).toISOString()
  const { outbox } = world.app.notifications
  const arranged = await Promise.all(
    Array.from({ length: MESSAGES }, (_, i) =>
      outbox.arrange({
        userId: people[i % PEOPLE]?.id,
        template: 'announcement',
        data: { title: `Number ${i}`, message: 'M' },
        about: `news-${i}`,
        tracks: [[{ medium: 'in_app' }], [{ medium: 'email' }]],
      }),
    ),
  )
  for (let i = 0; i < MESSAGES; i += 500)
    await world.write(async (tx) => {
      for (const each of arranged.slice(i, i + 500)) await outbox.put(tx, each)
    })
  await until(async () => (await waiting()) === 0)

  expect(server.taken).toHaveLength(new Set(server.taken).size)
  expect(server.taken.filter((id) => server.refused.has(id))).toEqual([])
  expect(server.taken.length + server.refused.size).toBe(MESSAGES)

  operator.token = await world.signIn(operator.email)
  const { body } = await world.call('GET', `/api/v1/notifications/metrics?from=${from}`, { token: operator.token })
  const email = body.channels.find(({ channel }: { channel: string }) => channel === 'email')
  expect(email.deliveries).toBe(MESSAGES)
  expect(email.states).toMatchObject({
    accepted: server.taken.length,
    dead: server.refused.size,
    waiting: 0,
    failed: 0,
  })
  expect(Object.values(email.states as Record<string, number>).reduce((sum, n) => sum + n, 0)).toBe(MESSAGES)
  expect(email.retried).toBeGreaterThan(MESSAGES / 20)
  const told = body.notifications as Record<string, number>
  expect((told.accepted ?? 0) + (told.failed ?? 0)).toBe(MESSAGES)
  expect(told.accepted).toBe(server.taken.length)

  for (const { id } of people.slice(0, 3)) {
    expect(await world.app.notifications.inbox.unread(id)).toBe(MESSAGES / PEOPLE)
    const items = await world.app.notifications.inbox.list(id, { unread: true, limit: 1_000 })
    const mine = items.filter(({ template }) => template === 'announcement')
    expect(new Set(mine.map(({ about }) => about)).size).toBe(MESSAGES / PEOPLE)
  }
}, 120_000)
