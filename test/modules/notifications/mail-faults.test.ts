/** Mail servers that refuse, put off or stall, and instances that end in the middle: no mail is lost, and none comes twice. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test'
import { expectCleanBooks, expectProblem } from '../../acceptance/answers'
import { createStalledServer } from './mail-server'
import { createMailWorld, HOUR, type MailWorld, MINUTE, outcomesOf, PAUSE, subjectOf } from './mail-world'

/** For as long a delivery is one process’s own. */
const LEASE = 90_000

let place: MailWorld

beforeAll(async () => {
  place = await createMailWorld()
})
afterAll(async () => {
  await expectCleanBooks(place.world)
  await place.end()
})
beforeEach(() => place.tidy())

const messageIds = () => place.server.mails.map(({ headers }) => headers.get('message-id')?.[0]).sort()

describe('a server that refuses', () => {
  test('for good (550): the mail is dead at once, and an operator sees and replays it', async () => {
    const { world, server, operator, amina, bruno, replay } = place
    server.answerWith({ at: 'recipient', code: 550, text: '5.7.1 Blocked' })
    const about = await place.transfer(30)
    await place.wait(HOUR, 10 * MINUTE)

    expect(server.offered).toBe(2)
    operator.token = await world.signIn(operator.email)
    const deadOnes = async () => (await place.asOperator('GET', 'dead')).body.items
    const items = await deadOnes()
    for (const each of items) {
      expect(each).toMatchObject({ channel: 'email', state: 'dead', reason: 'refused 550 5.7.1 at RCPT TO' })
      expect(each.attempts).toMatchObject([{ outcome: 'permanent', provider: 'smtp' }])
    }
    expect(
      items.map(({ template, userId }: { template: string; userId: string }) => [template, userId]).sort(),
    ).toEqual([
      ['money_received', bruno.id],
      ['money_sent', amina.id],
    ])
    expect(JSON.stringify(items)).not.toContain('@example.com')

    server.answerWith()
    for (const { notificationId } of items) expect((await replay(notificationId)).status).toBe(202)
    expectProblem(await replay(items[0].notificationId), 409, 'not_dead')
    expectProblem(await replay(`ntf_${'0'.repeat(20)}`), 404, 'notification_not_found')
    await world.app.settle()

    expect(place.subjects()).toEqual(['You received USD 0.30', 'You sent USD 0.30'])
    expect(await deadOnes()).toEqual([])
    const { body } = await place.asOperator('GET', `messages?about=${about}`)
    expect(body.items).toHaveLength(2)
    for (const { id } of body.items) {
      const message = (await place.asOperator('GET', `messages/${id}`)).body
      expect(message).toMatchObject({
        about,
        status: 'accepted',
        deliveries: [{ channel: 'email', state: 'accepted' }],
      })
      expect(message.deliveries[0].attempts).toMatchObject([
        { outcome: 'permanent' },
        { outcome: 'replayed' },
        { outcome: 'accepted' },
      ])
      expect(JSON.stringify(message)).not.toContain('@example.com')
    }
  })

  test('a mailbox that does not exist: nothing more is sent there until an operator says so', async () => {
    const { world, server, mailsTo, asOperator } = place
    const chico = await world.person('customer')
    await world.app.settle()
    server.mails.length = 0
    server.offered = 0
    server.answerWith({ at: 'recipient', code: 550, text: '5.1.1 No such user', to: chico.email })
    await place.announce(chico.email, 'first')
    await world.app.settle()
    expect(await place.states('first')).toEqual(['dead'])

    server.answerWith()
    await place.announce(chico.email, 'second')
    await world.app.settle()
    expect(await place.ways({ about: 'second' })).toMatchObject([{ state: 'skipped', reason: 'suppressed: invalid' }])
    expect(server.offered).toBe(1)

    const { items } = (await asOperator('GET', 'suppressions')).body
    expect(items).toMatchObject([{ channel: 'email', cause: 'invalid', hint: 'cu…@example.com' }])
    expect((await asOperator('DELETE', `suppressions/${items[0].id}`)).status).toBe(204)
    const { notificationId } = await place.onlyWay({ about: 'first' })
    expect((await place.replay(notificationId)).status).toBe(202)
    await world.app.settle()
    expect(mailsTo(chico)).toHaveLength(1)
  })

  test('for now (greylisting, 451): the mail is tried again, and arrives once; the server is not thought ill', async () => {
    const { server, wait } = place
    server.answerWith({ at: 'recipient', once: 451 })
    const about = await place.transfer(40)
    await place.world.app.settle()
    expect(server.offered).toBe(2)
    expect(await place.ways({ about })).toMatchObject(
      Array(2).fill({ state: 'waiting', reason: 'refused 451 4.7.1 at RCPT TO' }),
    )
    await wait(PAUSE)
    expect(place.subjects()).toEqual(['You received USD 0.40', 'You sent USD 0.40'])
    await wait(HOUR, 10 * MINUTE)

    expect(server.mails).toHaveLength(2)
    for (const each of await place.ways({ about })) expect(outcomesOf(each)).toEqual(['transient', 'accepted'])
  })

  test('one person again and again holds nobody else up, and reaches that person in the end', async () => {
    const { server, amina, bruno, mailsTo } = place
    server.answerWith({ at: 'recipient', code: 452, text: '4.2.2 Mailbox full', to: bruno.email })
    for (let cents = 1; cents <= 8; cents++) {
      await place.transfer(cents)
      await place.wait(PAUSE)
    }
    expect(mailsTo(amina)).toHaveLength(8)
    expect(mailsTo(bruno)).toEqual([])
    const { items } = (await place.asOperator('GET', 'channels')).body
    const email = items.find(({ channel }: { channel: string }) => channel === 'email')
    expect(email.providers).toMatchObject([{ provider: 'smtp', breaker: 'closed' }])

    server.answerWith()
    await place.wait(HOUR, 10 * MINUTE)
    expect(mailsTo(amina)).toHaveLength(8)
    const expected = Array.from({ length: 8 }, (_, i) => `You received USD 0.0${i + 1}`)
    expect(mailsTo(bruno).map(subjectOf).sort()).toEqual(expected)
  })
})

describe('a server that stalls', () => {
  test('holds up nobody who moves money; the mails arrive once it is well', async () => {
    const { world, server } = place
    await server.stop()
    const stalled = await createStalledServer(server.port)
    await place.transfer(50)
    const stuck = world.app.settle()
    await stalled.caught

    await place.transfer(60)

    await stalled.end()
    await stuck
    await server.start()
    await place.wait(HOUR, 10 * MINUTE)
    expect(place.subjects()).toEqual([
      'You received USD 0.50',
      'You received USD 0.60',
      'You sent USD 0.50',
      'You sent USD 0.60',
    ])
  })
})

describe('an instance that ends while mails wait', () => {
  test('sends them when it is back', async () => {
    const { world, server } = place
    await server.stop()
    const before = place.another(server.port)
    const about = await place.transfer(70)
    await before.settle()
    expect(await place.states(about)).toEqual(['waiting', 'waiting'])
    await before.stop()
    await server.start()

    const after = place.another(server.port)
    await after.settle()
    expect(server.mails).toEqual([])
    world.clock.advance(PAUSE)
    await after.settle()
    await after.stop()

    expect(place.subjects()).toEqual(['You received USD 0.70', 'You sent USD 0.70'])
    await place.wait(HOUR, 10 * MINUTE)
    expect(server.mails).toHaveLength(2)
  })

  test('in the middle of sending sends what it had under way again, under the same Message-ID', async () => {
    const { server, wait } = place
    const stalled = await createStalledServer()
    const dying = place.another(stalled.port)
    const about = await place.transfer(80)
    const lastWork = dying.settle()
    await stalled.caught

    await wait(LEASE - 1)
    expect(server.mails).toEqual([])
    await wait(1)

    expect(place.subjects()).toEqual(['You received USD 0.80', 'You sent USD 0.80'])
    const sent = await place.ways({ about })
    for (const each of sent) expect(outcomesOf(each)).toEqual(['interrupted', 'accepted'])
    expect(messageIds()).toEqual(sent.map(({ id }) => `<${id}@kumbu.example>`).sort())

    // What it hears of its last try changes nothing any more.
    await stalled.end()
    await lastWork
    await dying.stop()
    await wait(HOUR, 10 * MINUTE)
    expect(server.mails).toHaveLength(2)
    expect(await place.states(about)).toEqual(['accepted', 'accepted'])
  })

  test('or works beside another sends each mail once', async () => {
    const { app } = place.world
    const beside = place.another(place.server.port)
    for (let cents = 1; cents <= 10; cents++) await place.transfer(cents)
    await Promise.all([app.settle(), beside.settle(), app.settle(), beside.settle()])
    await beside.stop()
    expect(messageIds()).toHaveLength(20)
    expect(new Set(messageIds()).size).toBe(20)
  })
})
