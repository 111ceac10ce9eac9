/** A world whose mail goes to one real server, and what its tests ask of both. */
import { expect } from 'bun:test'
import { and, eq } from 'drizzle-orm'
import { createApp } from '../../../src/app'
import { deliveries, notifications } from '../../../src/modules/notifications/schema'
import type { Try } from '../../../src/modules/notifications/service/outcomes'
import { createWorld, PASSWORD, PIN, testConfig } from '../../support/world'
import { createMailServer, isListening, type Mail } from './mail-server'

type Way = Omit<typeof deliveries.$inferSelect, 'tries'> & { tries: Try[] }
export type MailWorld = Awaited<ReturnType<typeof createMailWorld>>

export const MINUTE = 60_000
export const HOUR = 60 * MINUTE
/** The first pause after a failure is between half of this and the whole of it. */
export const PAUSE = 2_000

const flags = (port: number) => ({
  'smtp-url': `smtp://127.0.0.1:${port}`,
  'mail-from': 'Kumbu <no-reply@kumbu.example>',
  mode: 'production',
})

export const subjectOf = ({ headers }: Mail) => headers.get('subject')?.[0]
export const outcomesOf = ({ tries }: Way) => tries.map(({ outcome }) => outcome)

export async function createMailWorld() {
  const server = await createMailServer()
  const world = await createWorld(flags(server.port))
  const operator = await world.person('operator')
  const amina = await world.customer(100_000)
  const bruno = await world.person('customer', 'Bruno <b>& Filhos</b>')

  /** Whatever a test before has left is sent, the server is trusted again, and everybody is signed in. */
  async function tidy(): Promise<void> {
    if (!(await isListening(server.port))) await server.start()
    server.answerWith()
    await world.wait(HOUR, 10 * MINUTE)
    amina.token = await world.signIn(amina.email)
    operator.token = await world.signIn(operator.email)
    await world.app.settle()
    server.mails.length = 0
    server.offered = 0
  }

  /** From Amina to Bruno; answers the transfer’s id. */
  async function transfer(amount: number): Promise<string> {
    const { status, body } = await world.call('POST', '/api/v1/wallet/me/transfer', {
      token: amina.token,
      body: { to: bruno.id, amount, pin: PIN },
    })
    expect({ status, amount: body.amount }).toEqual({ status: 201, amount })
    return body.id
  }

  async function register(email: string): Promise<void> {
    const body = { name: 'Nia', email, password: PASSWORD }
    expect((await world.call('POST', '/api/v1/auth/register', { body })).status).toBe(201)
    await world.app.settle()
  }

  const asOperator = (method: 'GET' | 'POST' | 'DELETE', path: string, body?: object) =>
    world.call(method, `/api/v1/notifications/${path}`, { token: operator.token, body })

  const replay = (id: string) => asOperator('POST', `dead/${id}/replay`, {})

  /** One mail to anybody, which is never too late. */
  async function announce(to: string, about: string): Promise<void> {
    const data = { title: 'Closed on Monday', message: 'We are back on Tuesday.' }
    const { status } = await asOperator('POST', 'send', { to, template: 'announcement', data, about })
    expect(status).toBe(202)
  }

  /** The deliveries of what is about this, or of what this person was told by the template. */
  async function ways(of: { about: string } | { email: string; template: string }): Promise<Way[]> {
    const user = 'email' in of ? await world.app.identity.find(of.email) : undefined
    const fits =
      'about' in of
        ? eq(notifications.about, of.about)
        : and(eq(notifications.recipient, user?.id ?? ''), eq(notifications.template, of.template))
    const rows = await world.runtime.store.read
      .select({ delivery: deliveries })
      .from(deliveries)
      .innerJoin(notifications, eq(notifications.id, deliveries.notificationId))
      .where(fits)
    return rows.map(({ delivery }) => ({ ...delivery, tries: delivery.tries as Try[] }))
  }
  const states = async (about: string) => (await ways({ about })).map(({ state }) => state)

  /** The one that there is. */
  async function onlyWay(of: Parameters<typeof ways>[0]): Promise<Way> {
    const [way, ...others] = await ways(of)
    if (way === undefined || others.length > 0) throw new Error('There is no delivery, or more than one.')
    return way
  }

  /** Whether its code or link is still there after what is old was cleared away. */
  async function keepsSecret({ notificationId }: Way): Promise<boolean> {
    await world.app.notifications.keeping.prune()
    const { read } = world.runtime.store
    const [row] = await read.select().from(notifications).where(eq(notifications.id, notificationId))
    return row !== undefined && row.sealedSecret !== null
  }

  return {
    world,
    server,
    operator,
    amina,
    bruno,
    wait: world.wait,
    tidy,
    transfer,
    register,
    announce,
    asOperator,
    replay,
    ways,
    states,
    onlyWay,
    keepsSecret,
    mailsTo: ({ email }: { email: string }) => server.mails.filter((mail) => mail.to.includes(email)),
    subjects: () => server.mails.map(subjectOf).sort(),
    /** Another process on the same database, whose mail goes to the server at this port. */
    another: (port: number) => createApp(testConfig(flags(port)), world.runtime),
    async end() {
      await world.end()
      await server.stop()
    },
  }
}
