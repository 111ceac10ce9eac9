/**
 * First names of customers, for calendars and reviews, where others read along. A calendar with hundreds of people in it
 * is looked at every quarter of an hour, so what it shows is remembered for a while; a review is shown to everybody and
 * asks anew each time.
 */
import type { Tx } from '../../../platform/db'
import type { Runtime } from '../../../platform/runtime'
import type { Identity, User } from '../../identity'
import { MINUTE_MS } from './time'

export interface Names {
  /** Nobody's, once the account is closed. */
  first(userId: string): Promise<string | undefined>
  /** The same of many, as of the last hour. */
  firstOf(userIds: readonly string[]): Promise<ReadonlyMap<string, string | undefined>>
  /** Within the unit in which somebody leaves. */
  forget(tx: Tx, userId: string): void
}

const REMEMBERED_MS = 60 * MINUTE_MS
const REMEMBERED_LIMIT = 10_000

interface Remembered {
  name: string | undefined
  until: number
}

export function createNames({ store, clock }: Runtime, identity: Identity): Names {
  const remembered = new Map<string, Remembered>()

  function remember(userId: string, name: string | undefined): void {
    const oldest = remembered.size >= REMEMBERED_LIMIT ? remembered.keys().next().value : undefined
    if (oldest !== undefined) remembered.delete(oldest)
    remembered.set(userId, { name, until: clock() + REMEMBERED_MS })
  }

  return {
    first: async (userId) => firstNameOf(await identity.find(userId)),

    async firstOf(userIds) {
      const now = clock()
      const names = new Map<string, string | undefined>()
      const asked: string[] = []
      for (const userId of new Set(userIds)) {
        const known = remembered.get(userId)
        if (known && known.until > now) names.set(userId, known.name)
        else asked.push(userId)
      }
      const found = await identity.findAll(asked)
      for (const userId of asked) {
        const name = firstNameOf(found.get(userId))
        remember(userId, name)
        names.set(userId, name)
      }
      return names
    },

    forget: (tx, userId) => store.afterwards(tx, () => remembered.delete(userId)),
  }
}

function firstNameOf(user: User | undefined): string | undefined {
  return user?.status === 'closed' ? undefined : user?.name.trim().split(/\s+/)[0]
}
