/** Whom a notification is for, as of now: name, language, preferences, and the address for each medium. */
import type { Runtime } from '../../../platform/runtime'
import type { Identity } from '../../identity'
import type { Medium } from '../channels/channel'
import type { Language } from '../templates/template'
import { fitsMedium } from './address'
import type { NotificationRow } from './outbox'
import type { PreferenceStore, Preferences } from './preferences'

export interface Reached {
  /** Nothing, if nobody has confirmed it: it may be anything that a stranger wants our mail to say. */
  name: string | undefined
  language: Language
  preferences: Preferences
  /** Nothing, if there is none by now. Media with targets of their own have an empty one. */
  addressFor(medium: Medium): Promise<string | undefined>
}

export interface Reach {
  whom(notification: NotificationRow): Promise<Reached>
}

export function createReach({ keyring }: Runtime, identity: Identity, preferences: PreferenceStore): Reach {
  return {
    async whom({ userId, sealedAddress, addressId, language }) {
      const user = userId === null ? undefined : await identity.find(userId)
      const chosen = await preferences.of(userId)

      async function elsewhere(): Promise<string | undefined> {
        if (addressId !== null) return identity.addressOf(addressId)
        return sealedAddress === null ? undefined : keyring.open('notification-address', sealedAddress)
      }

      return {
        name: user === undefined || user.status === 'pending_verification' ? undefined : user.name,
        language: (language as Language | null) ?? chosen.language,
        preferences: chosen,
        async addressFor(medium) {
          if (medium === 'push' || medium === 'webhook') return user ? '' : undefined
          if (addressId !== null || sealedAddress !== null) {
            const address = await elsewhere()
            return address !== undefined && fitsMedium(medium, address) ? address : undefined
          }
          if (medium === 'email') return user?.email || undefined
          return user?.phoneVerifiedAt === null ? undefined : (user?.phone ?? undefined)
        },
      }
    },
  }
}
