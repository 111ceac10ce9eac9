/**
 * The link at the foot of a mail, and in its header (RFC 8058): one click, without signing in, ends mails of that sort.
 * It holds whose and which, and a keyed hash that nobody else can make.
 */
import { fail, ok, type Result } from '../../../platform/result'
import type { Runtime } from '../../../platform/runtime'
import { sameHash } from '../../../platform/security/keyring'
import type { Identity } from '../../identity'
import type { Medium } from '../channels/channel'
import { type Category, categories } from '../templates/template'
import type { Mutable, PreferenceStore } from './preferences'

export interface UnsubscribeLink {
  u: string
  c: string
  s: string
}

export interface Unsubscribing {
  /** Nothing for what nobody can be spared, and for whoever has no account. */
  urlFor(userId: string | null, category: string, medium: Medium): string | undefined
  /** Whether the link is one of ours, and of what. */
  read(link: UnsubscribeLink): Result<{ userId: string; category: Mutable }, 'link_invalid'>
  follow(link: UnsubscribeLink): Promise<Result<{ category: Mutable }, 'link_invalid'>>
}

export function createUnsubscribing(
  { keyring }: Runtime,
  identity: Identity,
  preferences: PreferenceStore,
  baseUrl: () => string,
): Unsubscribing {
  const signatureOf = (userId: string, category: string) => keyring.hash('unsubscribe', userId, category)

  function read({ u, c, s }: UnsubscribeLink): Result<{ userId: string; category: Mutable }, 'link_invalid'> {
    if (!categories.includes(c as Category) || c === 'security') return fail('link_invalid')
    return sameHash(s, signatureOf(u, c)) ? ok({ userId: u, category: c as Mutable }) : fail('link_invalid')
  }

  return {
    urlFor(userId, category, medium) {
      if (userId === null || category === 'security' || medium !== 'email') return undefined
      const query = new URLSearchParams({ u: userId, c: category, s: signatureOf(userId, category) })
      return `${baseUrl()}/unsubscribe?${query}`
    },
    read,
    async follow(link) {
      const found = read(link)
      if (!found.ok) return found
      if ((await identity.find(found.value.userId))?.status === 'closed') return fail('link_invalid')
      await preferences.mute(found.value.userId, found.value.category, 'email')
      return ok({ category: found.value.category })
    },
  }
}
