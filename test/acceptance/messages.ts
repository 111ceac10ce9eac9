/** What the tests of messages share: a person’s requests under the path of notifications, and lists read page by page. */
import { expect } from 'bun:test'
import type { Answer, CallOptions, Person, World } from '../support/world'
import { passingToken } from './walk'

export const PATH = '/api/v1/notifications'
export const MINUTE = 60_000
export const HOUR = 60 * MINUTE
export const DAY = 24 * HOUR

export const ANNOUNCEMENT = {
  template: 'announcement',
  data: { title: 'Closed on Monday', message: 'We are back on Tuesday at eight.' },
}

/** A request of the person, whose token is always a fresh one: the clock of these tests is moved by hours. */
export async function as(
  world: World,
  who: Pick<Person, 'id'>,
  method: string,
  path: string,
  options: Omit<CallOptions, 'token'> = {},
): Promise<Answer> {
  const token = await passingToken(world, who)
  return world.call(method, path.startsWith('/') ? path : `${PATH}/${path}`, { token, ...options })
}

/** The token of a session in which the person has just proved who they are: what is sensitive asks for that. */
export async function provedToken(
  { app: { identity }, clock, write }: World,
  { id }: Pick<Person, 'id'>,
): Promise<string> {
  const user = await identity.known(id)
  const session = await write((tx) => identity.sessions.open(tx, user, { methods: ['pwd'], verifiedAt: clock() }))
  return (await identity.sessions.tokens(session)).accessToken
}

/** Every item of a list, page by page; no page is longer than asked for, and no item comes twice. */
export async function allOf<Item extends { id: string }>(
  world: World,
  who: Pick<Person, 'id'>,
  path: string,
  limit = 2,
): Promise<Item[]> {
  const items: Item[] = []
  let cursor: string | null = ''
  while (cursor !== null) {
    const query = `limit=${limit}${cursor === '' ? '' : `&cursor=${cursor}`}`
    const { status, body } = await as(world, who, 'GET', `${path}${path.includes('?') ? '&' : '?'}${query}`)
    expect(status).toBe(200)
    expect(body.items.length).toBeLessThanOrEqual(limit)
    items.push(...body.items)
    cursor = body.nextCursor
  }
  expect(new Set(items.map(({ id }) => id)).size).toBe(items.length)
  return items
}

/** What was sent there, newest first; an address of any sort. */
export async function shownFor(world: World, to: string): Promise<Array<Record<string, string>>> {
  await world.app.settle()
  const { body } = await world.call('GET', `/dev/inbox?to=${encodeURIComponent(to)}`)
  return body
}
