/**
 * The link at the foot of a mail, and in its header (RFC 8058): one click, without signing in, ends mails of that sort.
 * It holds whose and which, and a keyed hash that nobody else can make.
 */
import { fail, ok, type Result } from '../../../platform/result'
import type { Runtime } from '../../../platform/runtime'
import { sameHash } from '../../../platform/security/keyring'
import type { Identity } from '../../identity'
import type { Medium } from '../channels/channel'
import { type Category, categories, type Language } from '../templates/template'
import type { Mutable, PreferenceStore } from './preferences'

export interface UnsubscribeLink {
  u: string
  c: string
  s: string
}

export interface LinkOf {
  userId: string
  category: Mutable
  language: Language
}

export interface Unsubscribing {
  /** Nothing for what nobody can be spared, and for whoever has no account. */
  urlFor(userId: string | null, category: string, medium: Medium): string | undefined
  /** Whether the link is one of ours, of what, and in which language whoever has it is told so. */
  read(link: UnsubscribeLink): Promise<Result<LinkOf, 'link_invalid'>>
  follow(link: UnsubscribeLink): Promise<Result<LinkOf, 'link_invalid'>>
  /** Whoever has no link of ours is nobody we know. */
  readonly language: Language
}

export function createUnsubscribing(
  { keyring }: Runtime,
  identity: Identity,
  preferences: PreferenceStore,
  { baseUrl, language }: { baseUrl: () => string; language: Language },
): Unsubscribing {
  const signatureOf = (userId: string, category: string) => keyring.hash('unsubscribe', userId, category)

  async function read({ u, c, s }: UnsubscribeLink): Promise<Result<LinkOf, 'link_invalid'>> {
    if (!categories.includes(c as Category) || c === 'security') return fail('link_invalid')
    if (!sameHash(s, signatureOf(u, c))) return fail('link_invalid')
    const { language } = await preferences.of(u)
    return ok({ userId: u, category: c as Mutable, language })
  }

  return {
    urlFor(userId, category, medium) {
      if (userId === null || category === 'security' || medium !== 'email') return undefined
      const query = new URLSearchParams({ u: userId, c: category, s: signatureOf(userId, category) })
      return `${baseUrl()}/unsubscribe?${query}`
    },
    read,
    async follow(link) {
      const found = await read(link)
      if (!found.ok) return found
      const { userId, category } = found.value
      if ((await identity.find(userId))?.status === 'closed') return fail('link_invalid')
      await preferences.mute(userId, category, 'email')
      return found
    },
    language,
  }
}
