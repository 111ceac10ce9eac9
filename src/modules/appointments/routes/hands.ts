/** What the routes of appointments share. */
import { contextOf, principalOf } from '../../../platform/http/context'
import type { Asker } from '../service/changes'

export const TAG = 'Appointments'

/** Who asks, and in which of the two roles that a person may have towards an appointment. */
export const askerAs =
  (as: Asker['as']) =>
  (request: Request): Asker => {
    const { userId, role } = principalOf(request)
    return { userId, role, as, address: contextOf(request).address }
  }
