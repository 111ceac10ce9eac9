/** What identity tells others. Payloads carry ids; a code travels sealed under the instance's key. */
import { Type } from '@sinclair/typebox'
import { eventType } from '../../platform/events'

export const codeIssued = eventType(
  'identity.code_issued',
  Type.Object({
    userId: Type.String(),
    purpose: Type.Literal('verify_email'),
    sealedCode: Type.String(),
    expiresAt: Type.Integer(),
  }),
)

export const userActivated = eventType('identity.user_activated', Type.Object({ userId: Type.String() }))

/** Somebody tried to register with the address of an account that exists. */
export const registrationRepeated = eventType('identity.registration_repeated', Type.Object({ userId: Type.String() }))

export const sessionsRevoked = eventType(
  'identity.sessions_revoked',
  Type.Object({ userId: Type.String(), reason: Type.String() }),
)
