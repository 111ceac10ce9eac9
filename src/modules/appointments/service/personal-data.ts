/** What appointments know of a person: shown to them, and gone when they leave. Held money already keeps an account open. */
import { eq } from 'drizzle-orm'
import type { PersonalData } from '../../identity'
import { appointments } from '../schema'
import type { Changes } from './changes'
import type { Feeds } from './feeds'
import type { Lists } from './lists'
import type { Names } from './names'
import type { Reviews } from './reviews'
import type { Services } from './services'
import type { StaffBook } from './staff'
import type { Waiting } from './waiting'

export interface PersonalParts {
  lists: Lists
  names: Names
  changes: Changes
  reviews: Reviews
  waiting: Waiting
  feeds: Feeds
  services: Services
  staff: StaffBook
}

export function personalData(parts: PersonalParts): PersonalData {
  const { lists, names, changes, reviews, waiting, feeds, services, staff } = parts
  return {
    name: 'appointments',

    async export(userId) {
      const [appointmentsOf, reviewsOf, waitsOf] = await Promise.all([
        lists.allOf(userId),
        reviews.all(userId),
        waiting.all(userId),
      ])
      return { appointments: appointmentsOf, reviews: reviewsOf, waitingLists: waitsOf }
    },

    async erase(tx, userId) {
      await waiting.erase(tx, userId)
      await changes.cancelAllOf(tx, await lists.aheadOf(tx, userId))
      await reviews.erase(tx, userId)
      await feeds.erase(tx, userId)
      names.forget(tx, userId)
      await staff.forgetUser(tx, userId)
      await services.forgetPayee(tx, userId)
      // Why somebody could not come is told in words about a person.
      await tx.update(appointments).set({ reason: null }).where(eq(appointments.userId, userId))
    },
  }
}
