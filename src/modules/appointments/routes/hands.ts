/** What the routes of appointments share. */
import { contextOf, principalOf } from '../../../platform/http/context'
import type { Idempotency, Write } from '../../../platform/http/idempotency'
import { unwrap } from '../../../platform/http/problem'
import type { Result } from '../../../platform/result'
import { type AppointmentCode, appointmentFailures } from '../failures'
import type { Asker } from '../service/changes'

export const TAG = 'Appointments'

/** Who asks, and in which of the two roles that a person may have towards an appointment. */
export const askerAs =
  (as: Asker['as']) =>
  (request: Request): Asker => {
    const { userId, role } = principalOf(request)
    return { userId, role, as, address: contextOf(request).address }
  }

/** Does it once for an `Idempotency-Key`, and answers what came of it. */
export const onceBy =
  (idempotency: Idempotency) =>
  async <Value>(
    request: Request,
    body: unknown,
    work: (write: Write) => Promise<Result<Value, AppointmentCode>>,
  ): Promise<Value> =>
    unwrap(await idempotency.run(request, body, work), appointmentFailures)
